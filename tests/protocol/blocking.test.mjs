// Somebody who wants nothing to do with somebody else.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";

import { newcomers, partners, VERSIONS } from "../support/client.mjs";
import { post, startServer } from "../support/server.mjs";

/** @typedef {import("../support/client.mjs").Client} Client */
/** @typedef {import("../support/client.mjs").Person} Person */

const server = await startServer();
after(() => server.remove());

const CHANGED = "block_changed";
const REFUSED = { failure: "you cannot write to this person", code: "forbidden" };

/** The ids of those whom a search of that person finds. @param {Person} finder @param {string} username */
async function found(finder, username) {
  const response = await fetch(`${server.url}/find`, {
    method: "POST",
    headers: { cookie: finder.cookie, origin: server.url, "content-type": "application/json" },
    body: JSON.stringify({ username }),
  });
  const users = /** @type {{ id: number }[]} */ (await response.json());
  return users.map(({ id }) => id);
}

/** Starts a chat as the find page does; gives the status. @param {Person} person @param {number} id */
async function add(person, id) {
  return (await post(server, "/add", { id: String(id) }, person.cookie)).status;
}

/** Everything of the person's chats, as a device that comes back gets it. @param {Client} tab */
async function synced(tab) {
  return (await tab.ask("sync", { since_id: 0 }))[0];
}

for (const version of VERSIONS) {
  test(`a blocked sender with client ${version} reads a failure in the acknowledgement`, async () => {
    const { ann, ben } = await partners(server);
    const annTab = await ann.connect({ version });
    const benTab = await ben.connect({ version });
    assert.deepEqual(await annTab.block(ben, true), { blocked: true });
    assert.deepEqual(await benTab.send(ann, "are you there?"), REFUSED);
    assert.deepEqual(await benTab.send(ann, "are you there?", randomUUID()), REFUSED);
  });
}

test("nothing that a blocked sender sends reaches the blocker, whatever the blocker has open", async () => {
  const { ann, ben } = await partners(server);
  const [cyd] = await newcomers(server, "cyd");
  await ann.opens(cyd);
  await cyd.opens(ann);
  const [benTab, cydTab] = [await ben.connect(), await cyd.connect()];
  await benTab.send(ann, "at first");
  const annElsewhere = await ann.elsewhere();
  const [withBen, withCyd, withNobody, device] = [
    await ann.connect(),
    await ann.connect({ transport: "polling" }),
    await ann.connect(),
    await annElsewhere.connect(),
  ];
  await withBen.join(ben);
  await withCyd.join(cyd);
  await device.join(ben);
  const before = await synced(device);
  await withNobody.block(ben, true);
  for (const tab of [withBen, withCyd, device]) await tab.receives(CHANGED);

  // While a tab joins, what is sent is held for it; of this there is nothing.
  const joining = device.join(ben);
  for (const text of ["one", "two"]) assert.deepEqual(await benTab.send(ann, text), REFUSED);
  assert.equal((await joining).messages.length, 1);
  // Events come in their order: after this one none of the others can come any more.
  const { id } = await cydTab.send(ann, "the last");
  for (const tab of [withBen, withCyd, withNobody, device]) {
    await tab.until(() => tab.received.some(([, sent]) => (sent.message_id ?? sent.id) === id), () => "the last");
    const heard = tab.received.filter(([event]) => event !== CHANGED);
    assert.equal(heard.length, 1, JSON.stringify(heard));
  }
  const back = await ann.connect();
  const { messages, chats } = await synced(back);
  assert.deepEqual(messages.map((/** @type {{ message: string }} */ row) => row.message), ["at first", "the last"]);
  const ofBen = (/** @type {{ id: number }} */ chat) => chat.id === ben.id;
  assert.deepEqual(chats.find(ofBen), before.chats.find(ofBen));
  assert.equal(chats[0].id, cyd.id);
});

test("the blocked person is told by no event and reads what was said", async () => {
  const { ann, ben } = await partners(server);
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  await annTab.send(ben, "hello");
  await benTab.receives("message_received_from_another_chat");
  await annTab.block(ben, true);
  const { messages, blocked } = await benTab.join(ann);
  assert.deepEqual([messages.map((row) => row.message), blocked], [["hello"], false]);
  assert.equal((await benTab.older(ann, 0)).length, 1);
  assert.deepEqual((await benTab.read(ann, 0)).new_message_count, 0);
  await annTab.block(ben, false);
  await annTab.send(ben, "again");
  await benTab.receives("message_received_from_current_chat");
  assert.equal(benTab.received.length, 2);
});

test("the blocker reads what was said, and writes only after unblocking", async () => {
  const { ann, ben } = await partners(server);
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  await benTab.send(ann, "hello");
  await annTab.block(ben, true);
  const { messages, new_message_count, blocked } = await annTab.join(ben);
  assert.deepEqual([messages.length, new_message_count, blocked], [1, 1, true]);
  const failure = "you have blocked this person; unblock them to write";
  assert.deepEqual(await annTab.send(ben, "and another thing"), { failure, code: "forbidden" });
  assert.deepEqual(await annTab.block(ben, false), { blocked: false });
  assert.equal((await annTab.join(ben)).blocked, false);
  await annTab.send(ben, "peace");
  await benTab.receives("message_received_from_another_chat");
  await benTab.send(ann, "peace it is");
  await annTab.receives("message_received_from_current_chat", (sent) => sent.message === "peace it is");
  assert.equal(benTab.received.length, 1);
});

test("of two who have blocked each other, both must unblock", async () => {
  const { ann, ben } = await partners(server);
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  await annTab.block(ben, true);
  await benTab.block(ann, true);
  await annTab.block(ben, false);
  assert.deepEqual(await annTab.send(ben, "hello?"), REFUSED);
  await benTab.block(ann, false);
  assert.equal((await annTab.send(ben, "hello!")).failure, undefined);
});

test("neither finds the other, and others find both", async () => {
  const { ann, ben } = await partners(server);
  const [cyd] = await newcomers(server, "cyd");
  const annTab = await ann.connect();
  await annTab.block(ben, true);
  assert.deepEqual([await found(ann, ben.name), await found(ben, ann.name)], [[], []]);
  assert.deepEqual([await found(ann, ann.name), await found(cyd, ben.name)], [[ann.id], [ben.id]]);
  await annTab.block(ben, false);
  assert.deepEqual([await found(ann, ben.name), await found(ben, ann.name)], [[ben.id], [ann.id]]);
});

test("whoever was blocked cannot open the chat, and one that is open stays as it is", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  await ann.opens(ben);
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  await annTab.block(ben, true);
  assert.equal(await add(ben, ann.id), await add(ben, 999_999_999));
  assert.deepEqual((await synced(benTab)).chats, []);
  assert.equal(await add(ann, ben.id), 302);
  assert.equal((await synced(annTab)).chats.length, 1);
  assert.deepEqual(benTab.received, []);
});

test("the blocker's other tabs hear of it once, and the one that did it by its acknowledgement", async () => {
  const { ann, ben } = await partners(server);
  const annElsewhere = await ann.elsewhere();
  const [tab, other, device] = [await ann.connect(), await ann.connect(), await annElsewhere.connect()];
  await tab.block(ben, true);
  await tab.block(ben, true);
  await tab.block(ben, false);
  const chat_partner_id = ben.id;
  for (const each of [other, device]) {
    await each.receives(CHANGED, ({ blocked }) => !blocked);
    const expected = [{ chat_partner_id, blocked: true }, { chat_partner_id, blocked: false }];
    assert.deepEqual(each.payloads(CHANGED), expected);
  }
  assert.deepEqual(tab.received, []);
});

test("what was sent before a block is told before its acknowledgement, and what comes after is refused", async () => {
  const { ann, ben } = await partners(server);
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  await annTab.join(ben);
  const texts = Array.from({ length: 200 }, (_, number) => `line ${number}`);
  const sending = texts.map((text) => benTab.send(ann, text));
  await annTab.receives("message_received_from_current_chat");
  await annTab.block(ben, true);
  const heard = annTab.payloads("message_received_from_current_chat").map((sent) => sent.id);
  const acks = await Promise.all(sending);
  const stored = acks.filter((ack) => ack.failure === undefined).map((ack) => ack.id);
  assert.deepEqual(heard, stored);
  assert.deepEqual(acks.slice(stored.length), acks.slice(stored.length).map(() => REFUSED));
  assert.equal(annTab.payloads("message_received_from_current_chat").length, stored.length);
});

test("a message that was stored before the block is acknowledged when it is sent again", async () => {
  const { ann, ben } = await partners(server);
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  const clientId = randomUUID();
  const first = await benTab.send(ann, "once", clientId);
  await annTab.block(ben, true);
  assert.deepEqual(await benTab.send(ann, "once", clientId), { ...first, duplicate: true });
  assert.equal((await annTab.join(ben)).messages.length, 1);
});

test("nobody blocks themselves", async () => {
  const [ann] = await newcomers(server, "ann");
  await ann.opens(ann);
  const tab = await ann.connect();
  const failure = "you cannot block yourself";
  assert.deepEqual(await tab.block(ann, true), { failure, code: "invalid" });
  assert.equal((await tab.send(ann, "a note")).failure, undefined);
});

test("a block survives a restart", async () => {
  const { ann, ben } = await partners(server);
  await (await ann.connect()).block(ben, true);
  await server.stop();
  await server.start();
  assert.deepEqual(await (await ben.connect()).send(ann, "and now?"), REFUSED);
  assert.equal((await (await ann.connect()).join(ben)).blocked, true);
});
