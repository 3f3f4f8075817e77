// A reader that falls too far behind is closed rather than shown a history with holes.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { partners, texts } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.remove());

/** A polling client by hand, which asks for packets only when it is told to. */
class SlowReader {
  /** @param {string} cookie @param {string} sid */
  constructor(cookie, sid) {
    this.cookie = cookie;
    this.sid = sid;
  }

  /** @param {string} cookie */
  static async connect(cookie) {
    const opened = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { cookie } });
    const { sid } = JSON.parse((await opened.text()).slice(1));
    const reader = new SlowReader(cookie, sid);
    await reader.say("40");
    await reader.until((packet) => packet.startsWith("40"));
    return reader;
  }

  get #url() {
    return `${server.url}/socket.io/?EIO=4&transport=polling&sid=${this.sid}`;
  }

  /** @param {string} packet */
  async say(packet) {
    await fetch(this.#url, { method: "POST", body: packet });
  }

  /** Polls until a packet fits; gives all packets up to it. @param {(packet: string) => boolean} fits */
  async until(fits) {
    const packets = [];
    for (;;) {
      const response = await fetch(this.#url);
      assert.equal(response.status, 200, `polling ended after ${packets.length} packets`);
      for (const packet of (await response.text()).split("\u001e")) {
        if (packet === "2") await this.say("3");
        packets.push(packet);
        if (fits(packet)) return packets;
      }
    }
  }
}

test("a reader that falls behind sees no hole, is closed, and can come back", { timeout: 60_000 }, async () => {
  const { ann, ben } = await partners(server);
  const reader = await SlowReader.connect(ben.cookie);
  await reader.say(`421${JSON.stringify(["join_chat", { chat_partner_id: ann.id }])}`);
  await reader.until((packet) => packet.startsWith("431"));

  const annTab = await ann.connect();
  const written = texts("line", 2500);
  for (let from = 0; from < written.length; from += 250) {
    await annTab.sendAll(ben, written.slice(from, from + 250));
  }
  const packets = await reader.until((packet) => packet === "41");
  const shown = packets
    .filter((packet) => packet.startsWith("42"))
    .map((packet) => JSON.parse(packet.slice(2)))
    .filter(([event]) => event === "message_received_from_current_chat")
    .map(([, { message }]) => message);
  assert.deepEqual(shown, written.slice(0, shown.length));
  assert.ok(shown.length < written.length, "the reader did not fall behind");
  assert.match(server.log, /does not keep up/);

  const back = await ben.connect();
  assert.equal((await back.join(ann)).new_message_count, written.length);
});
