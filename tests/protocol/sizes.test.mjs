// How large may be what a socket sends: over it there is a refusal, and nothing else is lost.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { partners } from "../support/client.mjs";
import { handshake } from "../support/handshake.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer({
  args: ["--max-message-chars", "10", "--max-json-depth", "3", "--max-packet-bytes", "121000", "--max-body-bytes", "1000"],
});
after(() => server.remove());

const bounded = { timeout: 30_000 };

/** Arrays in arrays. @param {number} depth */
function nested(depth) {
  return JSON.parse("[".repeat(depth) + "]".repeat(depth));
}

for (const transport of /** @type {const} */ (["websocket", "polling"])) {
  test(`a message may have as many characters as the operator says, over ${transport}`, bounded, async () => {
    const { ann, ben } = await partners(server);
    const [tab, benTab] = [await ann.connect({ transport }), await ben.connect({ transport })];
    await benTab.join(ann);
    assert.equal((await tab.send(ben, "☃".repeat(10))).failure, undefined);
    const refusal = await tab.send(ben, "☃".repeat(11));
    assert.deepEqual(refusal, { failure: "the message is longer than 10 characters (it has 11)", code: "invalid" });
    const { id } = await tab.send(ben, "after it");
    await benTab.receives("message_received_from_current_chat", (message) => message.id === id);
    assert.equal(benTab.payloads("message_received_from_current_chat").length, 2);
  });

  test(`an event that is nested too deep is refused, and the socket goes on, over ${transport}`, bounded, async () => {
    const { ann, ben } = await partners(server);
    const tab = await ann.connect({ transport });
    const message = (/** @type {unknown} */ more) => ({ message: "[[[[{{", chat_partner_id: ben.id, more });
    const [taken] = await tab.ask("message_sent", message(nested(2)));
    assert.equal(taken.failure, undefined);
    for (const depth of [3, 50, 1000]) {
      const [refusal] = await tab.ask("message_sent", message(nested(depth)));
      assert.deepEqual(refusal, { failure: "malformed payload: it is nested deeper than 3", code: "invalid" });
    }
    assert.equal((await tab.join(ben)).messages.length, 1);
  });

  test(`a packet that is too large ends its socket, and what was acknowledged before is kept, over ${transport}`, bounded, async () => {
    const { ann, ben } = await partners(server);
    const tab = await ann.connect({ transport });
    const { id } = await tab.send(ben, "before");
    // The largest that fits is answered.
    const fitting = { message: "x".repeat(120_000), chat_partner_id: ben.id };
    assert.equal((await tab.ask("message_sent", fitting))[0].code, "invalid");
    tab.tell("message_sent", { message: "x".repeat(125_000), chat_partner_id: ben.id });
    await tab.closed();
    const again = await ann.connect({ transport });
    assert.deepEqual((await again.join(ben)).messages.map((row) => row.id), [id]);
  });
}

test("the handshake tells clients how large a packet may be", bounded, async () => {
  const { body, close } = await handshake(server, "polling", {});
  close();
  assert.equal(JSON.parse(body.slice(1)).maxPayload, 121_000);
});
