// Conversations whose ids would run together if they were written one after the other.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Person } from "../support/client.mjs";
import { register, startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.remove());

// Ids are given in the order of registration.
for (let id = 1; id <= 112; id += 1) await register(server, `user number ${id}.`);

/** @param {number} id */
async function user(id) {
  const person = await Person.known(server, `user number ${id}.`);
  assert.equal(person.id, id);
  return person;
}

/** Two pairs whose ids, written together, read the same. */
const COLLISIONS = [
  [1, 112, 11, 12],
  [11, 12, 1, 112],
  [1, 12, 11, 2],
  [2, 111, 21, 11],
];

for (const [a = 0, b = 0, c = 0, d = 0] of COLLISIONS) {
  test(`${c} and ${d} do not hear what ${a} and ${b} write to each other`, async () => {
    const sender = await user(a);
    const receiver = await user(b);
    const third = await user(c);
    const fourth = await user(d);
    for (const [one, other] of /** @type {[Person, Person][]} */ ([
      [sender, receiver],
      [receiver, sender],
      [third, fourth],
      [fourth, third],
    ])) {
      await one.opens(other);
    }
    const senderTab = await sender.connect();
    const receiverTab = await receiver.connect();
    const thirdTab = await third.connect();
    const fourthTab = await fourth.connect();
    await senderTab.join(receiver);
    await receiverTab.join(sender);
    await thirdTab.join(fourth);
    await fourthTab.join(third);

    await senderTab.send(receiver, "between us");
    await receiverTab.send(sender, "yes, between us");
    await thirdTab.send(fourth, "and between us");
    await fourthTab.send(third, "us, too");
    /** @param {import("../support/client.mjs").Client} tab @param {string} last */
    const heard = async (tab, last) => {
      const current = "message_received_from_current_chat";
      await tab.receives(current, (payload) => payload.message === last);
      return tab.received.map(([event, payload]) => [event, payload.message]);
    };
    const current = "message_received_from_current_chat";
    assert.deepEqual(await heard(fourthTab, "and between us"), [[current, "and between us"]]);
    assert.deepEqual(await heard(thirdTab, "us, too"), [[current, "us, too"]]);
    assert.deepEqual(await heard(receiverTab, "between us"), [[current, "between us"]]);
    assert.deepEqual(await heard(senderTab, "yes, between us"), [[current, "yes, between us"]]);
  });
}
