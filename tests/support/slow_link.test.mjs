// The slow link, over which others measure, keeps to its speed and loses nothing.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, get } from "node:http";
import { test } from "node:test";

import { Random } from "./random.mjs";
import { SlowLink } from "./slow_link.mjs";

/** @import { AddressInfo } from "node:net" */

const SPEED = { roundTripMs: 200, bitsPerSecond: 400_000 };
/** Half a second of the link. */
const BODY_BYTES = 25_000;
const random = new Random(7);
const BODY = Buffer.from(Array.from({ length: BODY_BYTES }, () => random.between(0, 255)));

/** @param {(link: SlowLink, download: () => Promise<Buffer>) => Promise<void>} test */
async function withLink(test) {
  const server = createServer((_, response) => response.end(BODY));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const link = await SlowLink.start(/** @type {AddressInfo} */ (server.address()).port, SPEED);
  const agent = new Agent({ keepAlive: true });
  try {
    await test(link, () => download(link.url, agent));
  } finally {
    agent.destroy();
    link.close();
    server.close();
  }
}

/** @param {string} url @param {Agent} agent @returns {Promise<Buffer>} */
function download(url, agent) {
  return new Promise((resolve, reject) => {
    const request = get(`${url}/file`, { agent }, async (response) => {
      resolve(Buffer.concat(await response.toArray()));
    });
    request.on("error", reject);
  });
}

/** How long `act` takes at least, however slow the machine is. @param {() => Promise<unknown>} act */
async function msOf(act) {
  const began = performance.now();
  await act();
  // A timer may fire that much too early.
  return performance.now() - began + 2;
}

test("a new connection costs a round trip, a request another, and bytes the time that the bandwidth says", () =>
  withLink(async (_, download) => {
    const first = await msOf(async () => assert.deepEqual(await download(), BODY));
    assert.ok(first >= 200 + 200 + 500, `${first} ms`);
    const second = await msOf(async () => assert.deepEqual(await download(), BODY));
    assert.ok(second >= 200 + 500, `${second} ms`);
  }));

test("all connections share the bandwidth", () =>
  withLink(async (_, download) => {
    const both = await msOf(async () => {
      for (const body of await Promise.all([download(), download()])) assert.deepEqual(body, BODY);
    });
    assert.ok(both >= 200 + 200 + 1000, `${both} ms`);
  }));

test("requests and bytes are counted, from the last time on", () =>
  withLink(async (link, download) => {
    await download();
    link.forget();
    await Promise.all([download(), download()]);
    assert.deepEqual(link.requests, ["GET /file", "GET /file"]);
    assert.ok(link.bytesDown > 2 * BODY_BYTES && link.bytesDown < 2 * BODY_BYTES + 1000, `${link.bytesDown}`);
    assert.ok(link.bytesUp > 50 && link.bytesUp < 1000, `${link.bytesUp}`);
  }));
