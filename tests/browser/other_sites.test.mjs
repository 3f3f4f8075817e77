// What a page of another site can do in the browser of somebody who is logged in: nothing. Another
// host is another site; another port of the same host is the same site, and its requests carry the
// cookie, but it is another origin.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { launch } from "../support/browser.mjs";
import { Client, newcomers } from "../support/client.mjs";
import { MODULES, startServer } from "../support/server.mjs";

const bounded = { timeout: 60_000 };
// With limits, the log has one line a minute about what an address was refused.
const server = await startServer({ args: ["--rate-limits", "off"] });

/** The other site: whatever page is asked of it is the one that a test has put there. */
let page = "";
const other = createServer(async (request, response) => {
  const isClient = request.url === "/socket.io.js";
  response.setHeader("content-type", isClient ? "text/javascript" : "text/html");
  response.end(isClient ? await readFile(`${MODULES}/socket.io-client/dist/socket.io.min.js`) : page);
});
other.listen(0);
await once(other, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (other.address());

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser.close();
  other.closeAllConnections();
  other.close();
  await server.remove();
});

/**
 * Somebody who is logged in and looks at the other site's page.
 * @param {string} host of the other site @param {string} html
 * @param {(tab: import("playwright-core").Page, answers: Map<string, number>) => Promise<void>} look
 *   `answers`: the statuses of what was asked of our server, by path
 */
async function visits(host, html, look) {
  const [ann] = await newcomers(server, "ann");
  const context = await browser.newContext();
  try {
    const [name, value] = ann.cookie.split("=");
    await context.addCookies([{ name, value, url: server.url, sameSite: "Lax", httpOnly: true }]);
    /** @type {Map<string, number>} */
    const answers = new Map();
    context.on("response", (response) => {
      const { origin, pathname } = new URL(response.url());
      if (origin === server.url) answers.set(pathname, response.status());
    });
    page = html;
    const tab = await context.newPage();
    await tab.goto(`http://${host}:${port}/`);
    await look(tab, answers);
    return { ann, context, tab };
  } finally {
    await context.close();
  }
}

/** @param {import("../support/client.mjs").Person} person */
async function isLoggedIn(person) {
  const { status } = await fetch(`${server.url}/chats`, { redirect: "manual", headers: { cookie: person.cookie } });
  return status === 200;
}

for (const [site, host] of [["another site", "localhost"], ["another port of the same host", "127.0.0.1"]]) {
  test(`an image and a frame of ${site} end no session`, bounded, async () => {
    const html = `<img src="${server.url}/logout"><iframe src="${server.url}/login"></iframe><iframe src="${server.url}/logout"></iframe>`;
    const { ann } = await visits(host, html, async (tab, answers) => {
      assert.deepEqual([...answers.keys()].filter((path) => path !== "/").sort(), ["/login", "/logout"]);
      // Nothing of ours is shown in the frames.
      for (const frame of tab.frames().slice(1)) assert.equal(await frame.locator("input[name=password]").count(), 0);
    });
    assert.equal(await isLoggedIn(ann), true);
    (await Client.connect(server, ann.cookie)).close();
  });

  test(`a form of ${site} does nothing`, bounded, async () => {
    for (const path of ["/add", "/login", "/account/password", "/account/sessions/end-others"]) {
      const html = `<form method="post" action="${server.url}${path}"><input name="id" value="1"><button>Win</button></form>`;
      const { ann } = await visits(host, html, async (tab, answers) => {
        await tab.getByRole("button").click();
        await tab.getByText("this came from another site's page").waitFor();
        assert.equal(answers.get(path), 403);
      });
      assert.equal(await isLoggedIn(ann), true, path);
    }
  });

  for (const transport of ["websocket", "polling"]) {
    test(`a page of ${site} opens no socket over ${transport}`, bounded, async () => {
      const html = `<title></title><script src="/socket.io.js"></script><script>
        const socket = io("${server.url}", { transports: ["${transport}"], withCredentials: true, reconnection: false });
        socket.on("connect", () => (document.title = "connected"));
        socket.on("connect_error", (error) => (document.title = error.message));
      </script>`;
      await visits(host, html, async (tab) => {
        await tab.waitForFunction(() => document.title !== "");
        assert.equal(await tab.title(), transport === "polling" ? "xhr poll error" : "websocket error");
      });
      // One line for an address in a minute, whatever its page sends.
      assert.match(server.log, /refused a \w+ to a page of "http:\/\/\S+", from 127\.0\.0\.1/);
    });
  }

  test(`a link on ${site} leads to the chats, and none ends the session`, bounded, async () => {
    const html = `<a href="${server.url}/chats">chats</a> <a href="${server.url}/logout">win</a>`;
    const { ann } = await visits(host, html, async (tab) => {
      await tab.getByRole("link", { name: "win" }).click();
      await tab.getByRole("heading", { name: "Log Out?" }).waitFor();
      await tab.goBack();
      await tab.getByRole("link", { name: "chats" }).click();
      await tab.waitForURL(`${server.url}/chats`);
    });
    assert.equal(await isLoggedIn(ann), true);
  });
}

test("the link in our menu logs out, and so do the address bar and the button of the login page", bounded, async () => {
  for (const leave of [
    (/** @type {import("playwright-core").Page} */ tab) => tab.getByRole("link", { name: "Log Out" }).click(),
    (/** @type {import("playwright-core").Page} */ tab) => tab.goto(`${server.url}/logout`).then(() => {}),
    (/** @type {import("playwright-core").Page} */ tab) =>
      tab.goto(`${server.url}/login`).then(() => tab.getByRole("button", { name: "Log Out" }).click()),
  ]) {
    const { ann } = await visits("localhost", "", async (tab) => {
      await tab.goto(`${server.url}/find`);
      await leave(tab);
      await tab.waitForURL(`${server.url}/login`);
    });
    assert.equal(await isLoggedIn(ann), false);
  }
});
