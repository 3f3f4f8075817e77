// The core of a conversation, with every client that may be out there, over every transport.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import { newcomers, partners, texts, TRANSPORTS, VERSIONS } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

// A server far from Greenwich must write UTC all the same.
process.env.TZ = "IST-5:30";
const server = await startServer();
after(() => server.remove());

/** @param {string} timestamp */
function assertIsNow(timestamp) {
  assert.match(timestamp, /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/);
  const seconds = (Date.now() - Date.parse(`${timestamp.replace(" ", "T")}Z`)) / 1000;
  assert.ok(Math.abs(seconds) < 60, `${timestamp} is ${seconds} s away from now`);
}

for (const version of VERSIONS) {
  for (const transport of TRANSPORTS) {
    const options = { version, transport };
    // A client 2.5 has no way to ask for more.
    const further = [{ last_read_id: 0, blocked: false }];
    describe(`client ${version} over ${transport}`, () => {
      test("stays on the transport that it asked for", async () => {
        const [ann] = await newcomers(server, "ann");
        const tab = await ann.connect(options);
        assert.equal(tab.transport, transport === "polling" ? "polling" : "websocket");
      });

      test("joining a new chat is acknowledged with no messages, a count and a position", async () => {
        const { ann, ben } = await partners(server);
        const tab = await ann.connect(options);
        const answer = await tab.ask("join_chat", { chat_partner_id: String(ben.id), with_state: true });
        assert.deepEqual(answer, [[], 0, ...further]);
      });

      test("a client that asks for nothing else gets exactly the two arguments of the Flask chat", async () => {
        const { ann, ben } = await partners(server);
        const tab = await ann.connect(options);
        const { id } = await tab.send(ben, "hello ben");
        const answer = await tab.ask("join_chat", { chat_partner_id: String(ben.id) });
        assert.equal(answer.length, 2);
        assert.deepEqual([answer[0].map((/** @type {{ id: number }} */ row) => row.id), answer[1]], [[id], 0]);
      });

      test("joining a chat is acknowledged with its messages, newest first, and the count", async () => {
        const { ann, ben } = await partners(server);
        const annTab = await ann.connect(options);
        const benTab = await ben.connect(options);
        const first = await annTab.send(ben, "hello ben");
        const second = await benTab.send(ann, "hello ann");
        const answer = await benTab.ask("join_chat", { chat_partner_id: ann.id, with_state: true });
        const messages = [
          {
            id: second.id,
            sender_id: ben.id,
            receiver_id: ann.id,
            message: "hello ann",
            timestamp: second.timestamp,
          },
          {
            id: first.id,
            sender_id: ann.id,
            receiver_id: ben.id,
            message: "hello ben",
            timestamp: first.timestamp,
          },
        ];
        assert.deepEqual(answer, [messages, 1, ...further]);
      });

      test("a message is acknowledged once, with its id and its time in UTC", async () => {
        const { ann, ben } = await partners(server);
        const tab = await ann.connect(options);
        const answer = await tab.ask("message_sent", {
          message: "two\nlines, <b>markup</b> & 👩‍👩‍👧",
          chat_partner_id: String(ben.id),
        });
        assert.equal(answer.length, 1);
        const [{ id, timestamp, duplicate, ...rest }] = answer;
        assert.ok(Number.isSafeInteger(id) && id > 0, `the id is ${id}`);
        assertIsNow(timestamp);
        assert.equal(duplicate, false);
        assert.deepEqual(rest, {});
        const [row] = (await tab.join(ben)).messages;
        assert.equal(row?.message, "two\nlines, <b>markup</b> & 👩‍👩‍👧");
        assert.equal(row?.timestamp, timestamp);
      });

      test("a message that opens the chat arrives as a new user's", async () => {
        const [ann, ben] = await newcomers(server, "ann", "ben");
        await ann.opens(ben);
        const annTab = await ann.connect(options);
        const benTab = await ben.connect(options);
        const { id } = await annTab.send(ben, "we have not met");
        await benTab.receives("new_user_sent_message");
        assert.deepEqual(benTab.received, [
          [
            "new_user_sent_message",
            { username: ann.name, id: ann.id, message_id: id, new_message_count: 1 },
          ],
        ]);
      });

      test("a message to a tab that has joined the chat arrives with its text", async () => {
        const { ann, ben } = await partners(server);
        const annTab = await ann.connect(options);
        const benTab = await ben.connect(options);
        await benTab.join(ann);
        const { id, timestamp } = await annTab.send(ben, "<i>hi</i> ☃");
        await benTab.receives("message_received_from_current_chat");
        assert.deepEqual(benTab.received, [
          [
            "message_received_from_current_chat",
            { message: "<i>hi</i> ☃", timestamp, id, new_message_count: 1 },
          ],
        ]);
      });

      test("a message to a tab without that chat arrives as its sender's id", async () => {
        const { ann, ben } = await partners(server);
        const annTab = await ann.connect(options);
        const benTab = await ben.connect(options);
        const { id } = await annTab.send(ben, "look here");
        await benTab.receives("message_received_from_another_chat");
        assert.deepEqual(benTab.received, [
          [
            "message_received_from_another_chat",
            { chatPartnerId: ann.id, message_id: id, new_message_count: 1 },
          ],
        ]);
      });

      test("older messages come by tens, newest first, and then none", async () => {
        const { ann, ben } = await partners(server);
        const tab = await ann.connect(options);
        const newestFirst = texts("line", 35).reverse();
        await tab.sendAll(ben, texts("line", 35));
        const shown = (await tab.join(ben)).messages;
        assert.deepEqual(shown.map((row) => row.message), newestFirst.slice(0, 20));
        for (const place of [20, 30, 35]) {
          const answer = await tab.ask("message_history_is_scrolled_to_the_top", {
            chat_partner_id: String(ben.id),
            message_count: place,
          });
          assert.equal(answer.length, 1);
          const page = answer[0].map((/** @type {{ message: string }} */ row) => row.message);
          assert.deepEqual(page, newestFirst.slice(place, place + 10));
        }
      });

      test("what has been read is no longer counted", async () => {
        const { ann, ben } = await partners(server);
        const annTab = await ann.connect(options);
        const benTab = await ben.connect(options);
        const acks = await annTab.sendAll(ben, texts("line", 3));
        assert.equal((await benTab.join(ann)).new_message_count, 3);
        const answer = await benTab.ask("new_message_count_updated", {
          chat_partner_id: String(ann.id),
          new_message_count: 0,
        });
        assert.deepEqual(answer, [{ new_message_count: 0, last_read_id: acks[2]?.id }]);
        assert.equal((await benTab.join(ann)).new_message_count, 0);
      });
    });
  }
}
