// A deployment of the Flask chat goes on where it was.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Person, texts } from "../support/client.mjs";
import { FLASK_DATABASE, startServer } from "../support/server.mjs";

/** @typedef {import("../support/client.mjs").Row} Row */

const server = await startServer({ database: FLASK_DATABASE });
after(() => server.remove());

/** @type {Record<string, string>} */
const PASSWORDS = {
  ann: "ann's password",
  Bob: "hunter2 hunter2",
  cyd: "пароль-密码",
  "o'brien <b>": "x".repeat(40),
  "Zoë ☃": "snow man 12",
  dora: "dora 260000",
  emil: "emil 600000",
  flo: "flo sha512",
  gus: "gus sha1",
};
const NAMES = Object.keys(PASSWORDS);

const ANN_AND_BOB = [
  "hello Bob",
  ...texts("line", 60),
  "<script>alert(1)</script> & \"quotes\" 'single' ☃ 👩‍👩‍👧",
  "two\nlines",
];
const ANN_AND_ZOE = [
  "Zoë has never been connected: the original shows her nothing",
  "and a second one",
];
const ANN_AND_DORA = ["old 0", "old 1", "old 2"];

/** Every chat that there is: who reads it, with whom, what is in it, how much of that is new. */
const CHATS = /** @type {[string, string, string[], number][]} */ ([
  ["ann", "Bob", ANN_AND_BOB, 20],
  ["Bob", "ann", ANN_AND_BOB, 43],
  ["ann", "ann", ["note to self"], 0],
  ["ann", "Zoë ☃", ANN_AND_ZOE, 0],
  ["Zoë ☃", "ann", ANN_AND_ZOE, 2],
  ["ann", "dora", ANN_AND_DORA, 0],
  ["dora", "ann", ANN_AND_DORA, 2],
  ["cyd", "Bob", ["cyd to bob"], 0],
  ["Bob", "cyd", ["cyd to bob"], 0],
  ["o'brien <b>", "ann", [], 0],
]);

/** @type {Map<string, Promise<Person>>} */
const people = new Map();

/** A user of the old deployment, logged in with the old password. @param {string} name */
function known(name) {
  const person = people.get(name) ?? Person.known(server, name, PASSWORDS[name]);
  people.set(name, person);
  return person;
}

for (const [index, name] of NAMES.entries()) {
  test(`${name} logs in with the old password, and again`, async () => {
    assert.equal((await known(name)).id, index + 1);
    // The first time may have changed how the password is kept.
    assert.equal((await Person.known(server, name, PASSWORDS[name])).id, index + 1);
  });

  test(`${name} does not log in with another's password`, async () => {
    const other = PASSWORDS[NAMES[(index + 1) % NAMES.length] ?? ""];
    await assert.rejects(Person.known(server, name, other), /logging in/);
  });
}

for (const [name, partnerName, history, newMessageCount] of CHATS) {
  test(`${name} reads the whole chat with ${partnerName} in order, with its count`, async () => {
    const person = await known(name);
    const partner = await known(partnerName);
    const tab = await person.connect();
    const { messages, new_message_count } = await tab.join(partner);
    assert.equal(new_message_count, newMessageCount);
    let rows = messages;
    for (let page = messages; page.length > 0; rows = rows.concat(page)) {
      page = await tab.older(partner, rows.length);
    }
    assert.deepEqual(rows.map((row) => row.message).reverse(), history);
  });
}

test("who has no chat with ann is not shown one", async () => {
  const ann = await known("ann");
  for (const name of ["cyd", "emil", "flo", "gus"]) {
    const tab = await (await known(name)).connect();
    const [answer] = await tab.ask("join_chat", { chat_partner_id: ann.id });
    assert.ok(answer.failure, `${name} was shown ${JSON.stringify(answer)}`);
  }
});

test("opening the chat with 43 new messages shows all of them", async () => {
  const bob = await known("Bob");
  const ann = await known("ann");
  const { messages } = await (await bob.connect()).join(ann);
  const fromAnn = messages.filter((row) => row.sender_id === ann.id);
  assert.equal(fromAnn.length, 43);
});

test("the old messages keep their senders, receivers and times", async () => {
  const dora = await known("dora");
  const ann = await known("ann");
  const { messages } = await (await dora.connect()).join(ann);
  const timestamp = "2021-03-04 05:06:07";
  for (const { id, message, ...row } of messages) {
    assert.deepEqual(row, { sender_id: ann.id, receiver_id: dora.id, timestamp }, message);
  }
});

test("the conversation goes on after the old messages", async () => {
  const zoe = await known("Zoë ☃");
  const ann = await known("ann");
  const zoeTab = await zoe.connect();
  const annTab = await ann.connect();
  const { id } = await zoeTab.send(ann, "now I see you");
  const payload = await annTab.receives("message_received_from_another_chat");
  assert.deepEqual(payload, { chatPartnerId: zoe.id, message_id: id, new_message_count: 1 });
  const { messages } = await zoeTab.join(ann);
  assert.deepEqual(messages.map((row) => row.message).reverse(), [...ANN_AND_ZOE, "now I see you"]);
});

test("old messages can be read one by one", async () => {
  const dora = await known("dora");
  const ann = await known("ann");
  const tab = await dora.connect();
  const { messages } = await tab.join(ann);
  const ids = messages.map((/** @type {Row} */ row) => row.id).reverse();
  const answer = await tab.read(ann, 0, ids[1]);
  assert.deepEqual(answer, { new_message_count: 1, last_read_id: ids[1] });
});
