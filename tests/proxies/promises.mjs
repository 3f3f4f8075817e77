// What holds behind every proxy, on a host of its own and below a path.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request as requestHttp } from "node:http";
import { connect } from "node:http2";
import { request as requestHttps } from "node:https";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { TRANSPORTS, VERSIONS, newcomers, partners } from "../support/client.mjs";
import { startFront } from "./front.mjs";

/** @import { Kind, Proxy } from "./config.mjs" */
/** @import { Front } from "./front.mjs" */
/** @import { Client, Transport } from "../support/client.mjs" */

const bounded = { timeout: 60_000 };
/** @type {Kind[]} */
const KINDS = ["host", "passing", "stripping", "bare"];
const NAMES = {
  host: "on a host of its own",
  passing: "below a path that is passed on",
  stripping: "below a path that is taken away",
  bare: "that is told as little as it takes",
};

/**
 * Asks by HTTP/1.1 and gives status, headers and text.
 * @param {string} url @param {import("node:https").RequestOptions} options @param {string} [body]
 * @returns {Promise<{ status: number | undefined, headers: import("node:http").IncomingHttpHeaders, text: string }>}
 */
export function ask(url, options, body) {
  const request = url.startsWith("https:") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent: false, ...options }, async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode, headers: response.headers, text });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/**
 * The same by HTTP/2.
 * @param {import("node:http2").ClientHttp2Session} session @param {import("node:http2").OutgoingHttpHeaders} headers
 * @param {string} [body]
 */
async function askHttp2(session, headers, body) {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [answer] = await once(stream, "response");
  let text = "";
  for await (const chunk of stream) text += chunk;
  return { status: answer[":status"], location: answer.location, cookies: answer["set-cookie"] ?? [], text };
}

/** Waits for a text in the server's log. @param {Front} front @param {string} text */
async function logged(front, text) {
  for (let tries = 0; !front.log.includes(text); tries += 1) {
    assert.ok(tries < 400, `not in the log: ${text}\n${front.log.slice(-2000)}`);
    await pause(25);
  }
}

/** @param {Front} front @param {Client} from @param {Client} to @param {import("../support/client.mjs").Person} receiver */
export async function delivers(front, from, to, receiver) {
  const { id, failure } = await from.send(receiver, `through ${front.proxy}`);
  assert.equal(failure, undefined);
  await to.receives("message_received_from_another_chat", ({ message_id }) => message_id === id);
}

/** Where WebSockets pass. @param {Front} front @returns {Transport[]} */
function transportsOf({ proxy, kind }) {
  return proxy === "nginx" && kind === "bare" ? ["polling"] : TRANSPORTS;
}

/** Tests all of it behind one proxy. @param {Proxy} proxy */
export function keepsPromises(proxy) {
  /** @type {Map<Kind, Front>} */
  const fronts = new Map();
  /** @type {Promise<unknown>[]} */
  const idle = [];

  before(async () => {
    const started = KINDS.map(async (kind) => fronts.set(kind, await startFront(proxy, kind)));
    await Promise.all(started);
    // Their heartbeats come while the other tests run.
    for (const front of fronts.values()) {
      for (const transport of transportsOf(front)) idle.push(staysConnected(front, transport));
    }
    for (const promise of idle) promise.catch(() => {});
  });
  after(() => Promise.all([...fronts.values()].map((front) => front.remove())));

  /** @param {Kind} kind */
  const frontOf = (kind) => /** @type {Front} */ (fronts.get(kind));

  for (const kind of KINDS) {
    test(`${proxy} ${NAMES[kind]}: a form logs in, and leads on within the chat`, bounded, async () => {
      const front = frontOf(kind);
      const { pathname } = new URL(front.url);
      const root = pathname.replace(/\/$/, "");
      const [ann] = await newcomers(front.asServer, "ann");
      const origin = new URL(front.url).origin;
      const form = new URLSearchParams({ username: ann.name, password: `password of ${ann.name}` }).toString();
      // From another address of this machine, which claims to speak for somebody else.
      const headers = { origin, "content-type": "application/x-www-form-urlencoded", "x-forwarded-for": "203.0.113.9" };
      const asked = { method: "POST", headers, localAddress: "127.0.0.2" };
      const { status, headers: answer } = await ask(`${front.url}/login`, asked, form);
      assert.equal(status, 302);
      assert.equal(new URL(answer.location ?? "", front.url).href, `${front.url}/`);
      const cookie = answer["set-cookie"]?.find((cookie) => cookie.includes("HttpOnly")) ?? "";
      assert.match(cookie, new RegExp(`; Path=${root || "/"}(;|$)`));
      assert.equal(/; Secure/.test(cookie), kind !== "bare");
      front.hides(cookie.split(/[=;]/)[1]);
      if (kind !== "bare") await logged(front, `user ${ann.id} logged in from 127.0.0.2 `);
      const page = await ask(`${front.url}/chats`, { headers: { cookie: cookie.split(";")[0] } });
      assert.equal(page.status, 200);
      const style = /href="([^"]*css\/visavis\.css)"/.exec(page.text)?.[1] ?? "";
      assert.ok(style.startsWith(`${root}/static/`), style);
      assert.equal((await ask(origin + style, {})).status, 200);
    });

    test(`${proxy} ${NAMES[kind]}: every client talks over every transport`, bounded, async () => {
      const front = frontOf(kind);
      await Promise.all(VERSIONS.map(async (version) => {
        const { ann, ben } = await partners(front.asServer);
        const tabs = await Promise.all(transportsOf(front).map((transport) => ben.connect({ version, transport })));
        for (const transport of transportsOf(front)) {
          const from = await ann.connect({ version, transport });
          for (const tab of tabs) await delivers(front, from, tab, ben);
          from.close();
        }
        for (const tab of tabs) tab.close();
      }));
    });

    if (kind !== "bare") {
      test(`${proxy} ${NAMES[kind]}: pages and polls come by HTTP/2`, bounded, async () => {
        const front = frontOf(kind);
        const [ann] = await newcomers(front.asServer, "ann");
        const { origin, pathname } = new URL(front.url);
        const root = pathname.replace(/\/$/, "");
        const session = connect(origin);
        try {
          await once(session, "connect");
          assert.equal(session.alpnProtocol, "h2");
          const form = new URLSearchParams({ username: ann.name, password: `password of ${ann.name}` }).toString();
          const posted = { ":method": "POST", ":path": `${root}/login`, origin, "content-type": "application/x-www-form-urlencoded" };
          const login = await askHttp2(session, posted, form);
          assert.equal(login.status, 302);
          const cookie = login.cookies.map((/** @type {string} */ set) => set.split(";")[0]).join("; ");
          front.hides(cookie.slice(cookie.indexOf("=") + 1));
          assert.equal((await askHttp2(session, { ":path": `${root}/chats`, cookie })).status, 200);
          const polls = `${root}/socket.io/?EIO=4&transport=polling`;
          const opened = await askHttp2(session, { ":path": polls, cookie, origin });
          const { sid } = JSON.parse(opened.text.slice(1));
          const path = `${polls}&sid=${sid}`;
          await askHttp2(session, { ":method": "POST", ":path": path, cookie, origin, "content-type": "text/plain" }, "40");
          let packets = "";
          // Heartbeats may come before it.
          for (let polls = 0; polls < 3 && !packets.includes('40{"sid"'); polls += 1) {
            packets += (await askHttp2(session, { ":path": path, cookie, origin })).text;
          }
          assert.ok(packets.includes('40{"sid"'), packets);
        } finally {
          session.destroy();
        }
      });
    }
  }

  test(`${proxy} that is told as little as it takes: long answers arrive whole over polling`, bounded, async () => {
    const { ann, ben } = await partners(frontOf("bare").asServer);
    const [from, to] = [await ann.connect({ transport: "polling" }), await ben.connect({ transport: "polling" })];
    // Three bytes a character: far more than a proxy holds in memory.
    const long = Array.from({ length: 20 }, (_, number) => `${number} ${"\u20ac".repeat(9_000)}`);
    for (const { failure } of await from.sendAll(ben, long)) assert.equal(failure, undefined);
    const { messages } = await to.join(ann);
    assert.deepEqual(messages.map(({ message }) => message).reverse(), long);
    from.close();
    to.close();
  });

  test(`${proxy} as documented, and no public URL: the Host that is passed on is enough`, bounded, async () => {
    const front = await startFront(proxy, "host", { args: [] });
    try {
      for (const [origin, taken] of /** @type {[string, boolean][]} */ ([[front.url, true], ["https://127.0.0.1:1", false]])) {
        const headers = { origin, "content-type": "application/x-www-form-urlencoded" };
        const form = await ask(`${front.url}/login`, { method: "POST", headers }, "username=nobody&password=-");
        assert.equal(form.status, taken ? 401 : 403, origin);
        const socket = await ask(`${front.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
        assert.equal(socket.status, taken ? 200 : 403, origin);
      }
    } finally {
      await front.remove();
    }
  });

  test(`${proxy}: idle sockets outlive a heartbeat and then deliver`, bounded, async () => {
    await Promise.all(idle);
  });
}

/** @param {Front} front @param {Transport} transport */
async function staysConnected(front, transport) {
  const { ann, ben } = await partners(front.asServer);
  const [from, to] = [await ann.connect({ transport }), await ben.connect({ transport })];
  await Promise.all([from.heartbeat(), to.heartbeat()]);
  await delivers(front, from, to, ben);
  from.close();
  to.close();
}
