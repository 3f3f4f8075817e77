// A disk that takes no more: nothing is acknowledged that was not stored, and it goes on afterwards.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { partners } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

const dir = await mkdtemp(join(tmpdir(), "visavis-disk-"));
const failingDisk = join(dir, "failing_disk.so");
const fault = join(dir, "fault");
const source = fileURLToPath(new URL("../support/failing_disk.c", import.meta.url));
execFileSync("cc", ["-shared", "-fPIC", "-o", failingDisk, source, "-ldl"]);

const server = await startServer({ env: { LD_PRELOAD: failingDisk, FAILING_DISK: fault } });
after(async () => {
  await server.remove();
  await rm(dir, { recursive: true });
});

test("when the disk takes no more, messages are refused as such, and stored again afterwards", async () => {
  const { ann, ben } = await partners(server);
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  await benTab.join(ann);
  const long = "x".repeat(10_000);
  /** @type {number[]} */
  const stored = [];
  server.limitFiles("1000000");
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
  // Where a long message found no room, a short write may.
  server.limitFiles("1");
  const { failure } = await benTab.read(ann, 0).then((answer) => /** @type {any} */ (answer));
  assert.equal(failure, "Something went wrong :(");

  server.limitFiles("unlimited");
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

for (const [what, errno] of /** @type {const} */ ([
  ["becomes read-only", constants.errno.EROFS],
  ["does not keep what was written to it", constants.errno.EIO],
])) {
  test(`while the disk ${what}, messages are refused as such, and stored again afterwards`, async () => {
    const { ann, ben } = await partners(server);
    const [annTab, benTab] = [await ann.connect(), await ben.connect()];
    const stored = [(await annTab.send(ben, "before")).id];

    await writeFile(fault, String(errno));
    for (let number = 0; number < 3; number += 1) {
      const refused = await annTab.send(ben, `lost ${number}`);
      assert.deepEqual(refused, { failure: "Something went wrong :(", code: "unavailable" });
    }
    // Reading goes on all the while.
    const { messages } = await benTab.join(ann);
    assert.deepEqual(messages.map((row) => row.message), ["before"]);

    await rm(fault);
    const again = await annTab.send(ben, "it goes on");
    assert.equal(again.failure, undefined);
    stored.push(again.id);
    await benTab.receives("message_received_from_current_chat", ({ id }) => id === again.id);

    await server.stop("SIGKILL");
    await server.start();
    const kept = (await (await ben.connect()).join(ann)).messages;
    assert.deepEqual(kept.map((row) => row.id).reverse(), stored);
  });
}
