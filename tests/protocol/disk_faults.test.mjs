// A disk that takes no more: nothing is acknowledged that was not stored, and it goes on afterwards.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";

import { partners } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.remove());

/** Limits how large a file the server may write. @param {string} bytes */
function limitFiles(bytes) {
  execFileSync("prlimit", [`--pid=${server.pid}`, `--fsize=${bytes}:`]);
}

test("when the disk takes no more, messages are refused as such, and stored again afterwards", async () => {
  const { ann, ben } = await partners(server);
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  await benTab.join(ann);
  const long = "x".repeat(10_000);
  /** @type {number[]} */
  const stored = [];
  limitFiles("1000000");
  const refused = [];
  for (let number = 0; number < 400 && refused.length < 5; number += 1) {
    const ack = await annTab.send(ben, long);
    if (ack.failure === undefined) stored.push(ack.id);
    else refused.push(ack);
  }
  assert.equal(refused.length, 5);
  for (const ack of refused) {
    assert.deepEqual(ack, { failure: "Something went wrong :(", code: "unavailable" });
  }
  const { failure } = await benTab.read(ann, 0).then((answer) => /** @type {any} */ (answer));
  assert.equal(failure, "Something went wrong :(");

  limitFiles("unlimited");
  const again = await annTab.send(ben, "it goes on");
  assert.equal(again.failure, undefined);
  stored.push(again.id);
  const last = await benTab.receives("message_received_from_current_chat", ({ id }) => id === again.id);
  assert.equal(last.new_message_count, stored.length);
  assert.match(server.log, /ERROR .*writes were not/);

  await server.stop("SIGKILL");
  await server.start();
  const { messages } = await (await ben.connect()).join(ann);
  assert.deepEqual(messages.map((row) => row.id).reverse(), stored);
});
