// Who may open a socket, and when it is closed.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Client, newcomers, partners, texts, TRANSPORTS, VERSIONS } from "../support/client.mjs";
import { handshake } from "../support/handshake.mjs";
import { logIn, post, startServer } from "../support/server.mjs";

/** @typedef {import("../support/server.mjs").Server} Server */

const server = await startServer();
const publicServer = await startServer({ args: ["--public-url", "https://chat.example"] });
after(async () => {
  await server.remove();
  await publicServer.remove();
});

/**
 * The status with which the server answers a handshake.
 * @param {Server} to @param {string} transport @param {Record<string, string>} headers
 */
async function statusOf(to, transport, headers) {
  const { status, close } = await handshake(to, transport, headers);
  close();
  return status;
}

/** @param {string | undefined} cookie */
function logOut(cookie) {
  return fetch(`${server.url}/logout`, { redirect: "manual", headers: { cookie: cookie ?? "" } });
}

for (const version of VERSIONS) {
  for (const transport of TRANSPORTS) {
    test(`client ${version} over ${transport} is told that it is not logged in`, async () => {
      const connecting = Client.connect(server, undefined, { version, transport });
      await assert.rejects(connecting, { message: "not logged in" });
    });
  }
}

test("a cookie that is no session's is told that it is not logged in", async () => {
  const [ann] = await newcomers(server, "ann");
  const name = ann.cookie.split("=")[0];
  for (const cookie of [`${name}=garbage`, `${name}=`, `${ann.cookie}x`, "other=1", "=;;=\"", "☃"]) {
    const latin = Buffer.from(cookie).toString("latin1");
    const connecting = Client.connect(server, latin);
    await assert.rejects(connecting, { message: "not logged in" }, `${cookie} was let in`);
  }
});

test("a session that has logged out is told that it is not logged in", async () => {
  const [ann] = await newcomers(server, "ann");
  await logOut(ann.cookie);
  await assert.rejects(ann.connect(), { message: "not logged in" });
});

test("a refused socket does not keep the same person's others from working", async () => {
  const { ann, ben } = await partners(server);
  await assert.rejects(Client.connect(server, undefined));
  const tab = await ann.connect();
  assert.deepEqual((await tab.join(ben)).messages, []);
});

test("what a socket sends the moment that it is connected is answered", async () => {
  const { ann, ben } = await partners(server);
  const benTab = await ben.connect();
  let talking = true;
  // Messages all the while, so that the server has other things to do as well.
  const talk = async () => {
    while (talking) await benTab.sendAll(ann, texts("line", 5));
  };
  const talked = talk();
  try {
    for (let visit = 0; visit < 200; visit += 1) {
      const tab = await ann.connect();
      await tab.read(ben, 0);
      tab.close();
    }
  } finally {
    talking = false;
    await talked;
  }
});

for (const transport of ["polling", "websocket"]) {
  const accepted = transport === "polling" ? 200 : 101;

  test(`a page of another origin cannot open a socket over ${transport}`, async () => {
    const [ann] = await newcomers(server, "ann");
    const { host, port } = new URL(server.url);
    const strangers = [
      "https://evil.example",
      "http://evil.example",
      `http://${host}.evil.example`,
      `http://evil.example:${port}`,
      `http://127.0.0.1:${port === "1" ? 2 : 1}`,
      "http://127.0.0.1",
      `http://x@${host}`,
      `http://${host}/`,
      "null",
    ];
    for (const origin of strangers) {
      const status = await statusOf(server, transport, { cookie: ann.cookie, origin });
      assert.equal(status, 403, `${origin} got ${status}`);
    }
  });

  test(`the server's own pages and programs that are no browsers get in over ${transport}`, async () => {
    const [ann] = await newcomers(server, "ann");
    const own = await statusOf(server, transport, { cookie: ann.cookie, origin: server.url });
    assert.equal(own, accepted);
    assert.equal(await statusOf(server, transport, { cookie: ann.cookie }), accepted);
  });

  test(`behind a public address only its pages get in over ${transport}`, async () => {
    /** @param {string} origin */
    const asked = (origin) => statusOf(publicServer, transport, { origin });
    assert.equal(await asked("https://chat.example"), accepted);
    const strangers = [
      "http://chat.example",
      "https://chat.example:8443",
      "https://chat.example.evil.example",
      "https://evil.example",
      "null",
    ];
    for (const origin of strangers) {
      const status = await asked(origin);
      assert.equal(status, 403, `${origin} got ${status}`);
    }
  });

  test(`a client that says its page's origin connects over ${transport}`, async () => {
    const [ann] = await newcomers(server, "ann");
    const options = /** @type {import("../support/client.mjs").Options} */ ({ transport });
    const tab = await ann.connect({ ...options, origin: server.url });
    assert.equal(tab.transport, transport);
    await assert.rejects(ann.connect({ ...options, origin: "https://evil.example" }));
  });
}

test("logging out closes every tab of that session", async () => {
  const [ann] = await newcomers(server, "ann");
  const tabs = [
    await ann.connect({ transport: "websocket" }),
    await ann.connect({ transport: "polling" }),
    await ann.connect({ transport: "upgrade" }),
  ];
  await logOut(ann.cookie);
  for (const tab of tabs) await tab.closed();
});

test("logging out leaves the other sessions and the other people connected", async () => {
  const { ann, ben } = await partners(server);
  const annElsewhere = await ann.elsewhere();
  const tab = await ann.connect();
  const otherTab = await annElsewhere.connect();
  const benTab = await ben.connect();
  await logOut(ann.cookie);
  await tab.closed();
  await benTab.send(ann, "still there?");
  await otherTab.receives("message_received_from_another_chat");
});

test("what is sent after a log-out does not reach the session that has ended", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const benTab = await ben.connect();
  await logOut(ann.cookie);
  await benTab.send(ann, "for ann's eyes only");
  await tab.closed();
  assert.deepEqual(tab.received, []);
});

test("logging in again with the same cookie closes the old session's tabs", async () => {
  const [ann] = await newcomers(server, "ann");
  const tab = await ann.connect();
  const password = `password of ${ann.name}`;
  const response = await post(server, "/login", { username: ann.name, password }, ann.cookie);
  assert.equal(response.status, 302);
  await tab.closed();
});

test("logging in as somebody else with the same cookie closes the old session's tabs", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  const tab = await ann.connect();
  const password = `password of ${ben.name}`;
  await post(server, "/login", { username: ben.name, password }, ann.cookie);
  await tab.closed();
});

test("looking at the login page leaves the session's tabs connected, and so does what a browser prefetches", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const benTab = await ben.connect();
  const headers = { cookie: ann.cookie };
  await fetch(`${server.url}/login`, { headers });
  await fetch(`${server.url}/logout`, { headers, method: "HEAD", redirect: "manual" });
  await fetch(`${server.url}/logout`, { headers: { ...headers, "sec-purpose": "prefetch" }, redirect: "manual" });
  await benTab.send(ann, "hello");
  await tab.receives("message_received_from_another_chat");
});

test("logging in again elsewhere leaves the first session's tabs connected", async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const benTab = await ben.connect();
  await logIn(server, ann.name);
  await benTab.send(ann, "hello");
  await tab.receives("message_received_from_another_chat");
});

// Socket.IO tells a client that it is in a moment before it counts it as connected.
test("whoever asks in the moment of being let in is answered", async () => {
  const hurried = await startServer({ args: ["--rate-limits", "off"] });
  try {
    const { ann, ben } = await partners(hurried);
    for (let round = 0; round < 10; round += 1) {
      const answered = Array.from({ length: 100 }, async () => {
        const tab = await ann.connect();
        await tab.join(ben);
        await tab.close();
      });
      await Promise.all(answered);
    }
  } finally {
    await hurried.remove();
  }
});
