// A client that sends too much is told when to go on; nothing that was acknowledged is lost.

import assert from "node:assert/strict";
import { on, once } from "node:events";
import { connect } from "node:net";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { newcomers, partners } from "../support/client.mjs";
import { REQUESTS } from "../support/protocol.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer({ args: ["--limit-messages", "5/s", "--limit-connects", "6/h"] });
after(() => server.remove());

for (const transport of /** @type {const} */ (["websocket", "polling"])) {
  test(`messages over the limit are refused with the time to wait, and the socket goes on, over ${transport}`, { timeout: 30_000 }, async () => {
    const { ann, ben } = await partners(server);
    const [annTab, benTab] = [await ann.connect({ transport }), await ben.connect({ transport })];
    await benTab.join(ann);
    const acks = await annTab.sendAll(ben, Array.from({ length: 30 }, (_, number) => `message ${number}`));
    const stored = acks.filter(({ failure }) => failure === undefined);
    const refused = acks.filter(({ failure }) => failure !== undefined);
    assert.ok(stored.length >= 5 && refused.length >= 10, `${stored.length} of 30 were stored`);
    for (const ack of refused) {
      assert.deepEqual(ack, { failure: "too often; try again in 1 s", code: "too_often", retry_after: 1 });
    }
    await pause(1000);
    const next = await annTab.send(ben, "after a while");
    assert.equal(next.failure, undefined);
    await benTab.receives("message_received_from_current_chat", ({ id }) => id === next.id);
    const ids = benTab.payloads("message_received_from_current_chat").map(({ id }) => id);
    assert.deepEqual(ids, [...stored, next].map(({ id }) => id));
    // What one sends is no other's limit.
    assert.equal((await benTab.send(ann, "hello")).failure, undefined);
  });
}

/** Every event of a protocol, and the flag of its limit. */
const EVENTS = /** @type {Record<1 | 2, [string, string, (partner: { id: number }) => object][]>} */ ({
  1: [
    ["join_chat", "--limit-reads", ({ id }) => ({ chat_partner_id: id })],
    [
      "message_history_is_scrolled_to_the_top",
      "--limit-reads",
      ({ id }) => ({ chat_partner_id: id, message_count: 0 }),
    ],
    ["sync", "--limit-reads", () => ({ since_id: 0 })],
    ["message_sent", "--limit-messages", ({ id }) => ({ chat_partner_id: id, message: "hello" })],
    ["block", "--limit-messages", ({ id }) => ({ chat_partner_id: id, blocked: false })],
    [
      "new_message_count_updated",
      "--limit-marks",
      ({ id }) => ({ chat_partner_id: id, new_message_count: 0 }),
    ],
  ],
  2: [
    ["catch_up", "--limit-reads", () => ({})],
    ["get_changes", "--limit-reads", ({ id }) => ({ partner_id: id, since: 0 })],
    ["get_history", "--limit-reads", ({ id }) => ({ partner_id: id })],
    ["send_message", "--limit-messages", ({ id }) => ({ partner_id: id, text: "hello", client_id: randomUUID() })],
    [
      "edit_message",
      "--limit-messages",
      ({ id }) => ({ partner_id: id, message_id: 1, text: "hello", client_id: randomUUID() }),
    ],
    ["delete_message", "--limit-messages", ({ id }) => ({ partner_id: id, message_id: 1 })],
    ["mark_read", "--limit-marks", ({ id }) => ({ partner_id: id, up_to_id: 1 })],
    ["mark_delivered", "--limit-marks", ({ id }) => ({ partner_id: id, up_to_id: 1 })],
    ["set_blocked", "--limit-messages", ({ id }) => ({ partner_id: id, blocked: false })],
  ],
});

test("every event that clients may send is asked too often here", () => {
  for (const protocol of /** @type {const} */ ([1, 2])) {
    assert.deepEqual(EVENTS[protocol].map(([event]) => event).toSorted(), REQUESTS[protocol].toSorted());
  }
});

const ALL = /** @type {const} */ ([1, 2]).flatMap((protocol) => EVENTS[protocol].map((row) => /** @type {const} */ ([protocol, ...row])));
for (const [protocol, event, flag, payload] of ALL) {
  test(`${event} has a limit, and over it a refusal that says when to ask again`, { timeout: 30_000 }, async () => {
    const strict = await startServer({ args: [flag, "3/h"] });
    try {
      const { ann, ben } = await partners(strict);
      const [tab, bens] = [await ann.connect({ protocol }), await ben.connect({ protocol })];
      for (let number = 0; number < 3; number += 1) {
        const [answer] = await tab.ask(event, payload(ben));
        assert.notEqual(answer?.code, "too_often", `attempt ${number}`);
      }
      const [refused] = await tab.ask(event, payload(ben));
      assert.equal(refused.code, "too_often");
      assert.ok(refused.retry_after > 0 && refused.retry_after <= 3600, String(refused.retry_after));
      const [others] = await bens.ask(event, payload(ann));
      assert.notEqual(others?.code, "too_often");
    } finally {
      await strict.remove();
    }
  });
}

test("a login from elsewhere does not wait for all the hashes of another address", { timeout: 60_000 }, async () => {
  const args = ["--bcrypt-cost", "10", "--trusted-proxy", "127.0.0.1"];
  const strict = await startServer({ isOrdinary: true, args });
  try {
    const submit = (/** @type {string} */ path, /** @type {string} */ from, /** @type {Record<string, string>} */ fields) => {
      strict.hidesFields(fields);
      const headers = { origin: strict.url, "x-forwarded-for": from };
      return fetch(strict.url + path, { method: "POST", redirect: "manual", headers, body: new URLSearchParams(fields) });
    };
    const password = "password of ann";
    const newcomer = (/** @type {string} */ username) => ({ username, password, confirmation: password });
    assert.equal((await submit("/register", "198.51.100.1", newcomer("ann"))).status, 302);
    let hashed = 0;
    const answers = Array.from({ length: 60 }, (_, number) => [
      submit("/login", "198.51.100.2", { username: "ann", password: `wrong ${number}` }),
      submit("/register", "198.51.100.2", newcomer(`mallory ${number}`)),
    ]).flat();
    // What is refused has waited for no hash. Should the test fail, so does what is still under way.
    for (const answer of answers) answer.then(({ status }) => (hashed += Number(status !== 429)), () => {});
    while (hashed < 3) await pause(5);
    const before = hashed;
    assert.equal((await submit("/login", "198.51.100.3", { username: "ann", password })).status, 302);
    assert.ok(hashed - before < 40, `${hashed - before} others were served first`);
    const statuses = new Set((await Promise.all(answers)).map(({ status }) => status));
    // What does not find room in the queue is refused at once, not after half a minute.
    for (const status of statuses) assert.ok([302, 401, 429].includes(status), String(status));
  } finally {
    await strict.remove();
  }
});

test("a long answer counts as more than one read, and the next ones pay for it", { timeout: 30_000 }, async () => {
  const strict = await startServer({ args: ["--limit-reads", "10/h"] });
  try {
    const { ann, ben } = await partners(strict);
    await (await ann.connect()).sendAll(ben, Array.from({ length: 100 }, (_, number) => `${number} ${"x".repeat(9000)}`));
    const tab = await ben.connect();
    const { messages } = await tab.join(ann);
    assert.equal(messages.length, 100);
    const [refused] = await tab.ask("join_chat", { chat_partner_id: ann.id });
    assert.equal(refused.code, "too_often");
  } finally {
    await strict.remove();
  }
});

for (const [event, payload] of /** @type {[string, (partner: { id: number }) => object][]} */ ([
  ["join_chat", ({ id }) => ({ chat_partner_id: id })],
  ["message_history_is_scrolled_to_the_top", ({ id }) => ({ chat_partner_id: id, message_count: 0 })],
  ["sync", () => ({ since_id: 0 })],
])) {
  test(`questions that wait pay for the long answers before them: ${event}`, { timeout: 30_000 }, async () => {
    const strict = await startServer({ args: ["--limit-reads", "60/h"] });
    try {
      const { ann, ben } = await partners(strict);
      await (await ann.connect()).sendAll(ben, Array.from({ length: 10 }, () => "\u0001".repeat(9000) + "x"));
      const tab = await ben.connect();
      // Each answer has half a megabyte, and is charged when it has been made.
      const answers = await Promise.all(Array.from({ length: 20 }, () => tab.ask(event, payload(ann))));
      const refused = answers.map(([answer]) => answer).filter((answer) => answer.code === "too_often");
      assert.ok(refused.length > 10 && refused.length < 20, `${refused.length} of 20 were refused`);
      for (const { retry_after } of refused) assert.ok(retry_after > 60 && retry_after <= 3600, String(retry_after));
    } finally {
      await strict.remove();
    }
  });
}

test("blocks count as messages, and what is over the limit changes nothing", { timeout: 30_000 }, async () => {
  const { ann, ben } = await partners(server);
  const tab = await ann.connect();
  const acks = await Promise.all(Array.from({ length: 30 }, (_, number) => tab.block(ben, number % 2 === 0)));
  const done = acks.filter(({ failure }) => failure === undefined);
  assert.ok(done.length >= 5 && done.length <= 20, `${done.length} of 30 were done`);
  const refused = acks.filter(({ failure }) => failure !== undefined);
  for (const ack of refused) {
    assert.deepEqual(ack, { failure: "too often; try again in 1 s", code: "too_often", retry_after: 1 });
  }
  assert.equal((await tab.join(ben)).blocked, done.at(-1)?.blocked);
});

test("who opens sockets without end is told to come back, and others are let in", { timeout: 30_000 }, async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  for (let number = 0; number < 6; number += 1) (await ann.connect()).close();
  await assert.rejects(ann.connect(), { message: "too many connections in a short time; try again in a minute" });
  (await ben.connect()).close();
});

/** What a server answers to one login over a connection of its own, and whether it closes it. @param {string} url */
async function logsInOnce(url) {
  const body = "username=nobody&password=a+wrong+password";
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, "connect");
  const head = ["POST /login HTTP/1.1", "Host: x", "Content-Type: application/x-www-form-urlencoded", `Content-Length: ${body.length}`];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  let answer = "";
  for await (const [data] of on(socket, "data", { close: ["end", "close"] })) {
    answer += data;
    // The end of a page, if the connection stays.
    if (/\r\n\r\n[^]*<\/html>/.test(answer) && !/^connection: close/im.test(answer)) break;
  }
  socket.destroy();
  return { status: Number(answer.split(" ")[1]), closes: /^connection: close/im.test(answer) };
}

test("a refused form is the last of its connection", { timeout: 30_000 }, async () => {
  const strict = await startServer({ args: ["--limit-logins", "1/h"] });
  try {
    assert.deepEqual(await logsInOnce(strict.url), { status: 401, closes: false });
    assert.deepEqual(await logsInOnce(strict.url), { status: 429, closes: true });
  } finally {
    await strict.remove();
  }
});

test("the refusal of a form arrives although its body comes later", { timeout: 30_000 }, async () => {
  const strict = await startServer({ args: ["--limit-pages", "1/h"] });
  try {
    await logsInOnce(strict.url);
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(strict.url).port) });
    await once(socket, "connect");
    socket.pause();
    const type = "application/x-www-form-urlencoded";
    socket.write(`POST /login HTTP/1.1\r\nHost: ${new URL(strict.url).host}\r\nContent-Type: ${type}\r\nContent-Length: 20\r\n\r\n`);
    // The refusal is on its way, and what follows finds nobody who waits for it.
    for (const part of ["username=a", "&password="]) {
      await pause(200);
      socket.write(part);
    }
    await pause(200);
    socket.resume();
    const chunks = [];
    for await (const chunk of socket) chunks.push(chunk);
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 429 /);
  } finally {
    await strict.remove();
  }
});

test("forms whose bodies come slowly do not keep those of the same address waiting", { timeout: 60_000 }, async () => {
  const slow = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const socket = connect({ host: "127.0.0.1", port: Number(new URL(server.url).port) });
      socket.on("error", () => {}); // being cut off is no matter
      await once(socket, "connect");
      socket.write("POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60\r\n\r\nu");
      return socket;
    }),
  );
  const begun = Date.now();
  assert.equal((await logsInOnce(server.url)).status, 401);
  // A body may pause for ten seconds.
  assert.ok(Date.now() - begun < 8000, `it took ${Date.now() - begun} ms`);
  for (const socket of slow) socket.destroy();
});
