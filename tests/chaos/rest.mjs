// Waiting until devices have come to rest, once the faults are over.

import { setTimeout as sleep } from "node:timers/promises";

import { differences } from "./check.mjs";

/** @import { Stored } from "./check.mjs" */
/** @import { SocketDevice } from "./socket_device.mjs" */

/** How long everything may take to come to rest. */
const SETTLE_MS = 30_000;

/** Waits until no device has anything left to do. @param {SocketDevice[]} devices */
export async function rest(devices) {
  const late = Date.now() + SETTLE_MS;
  while (devices.some((device) => !device.idle)) {
    if (Date.now() > late) {
      const busy = devices.filter((device) => !device.idle);
      throw new Error(`not at rest: ${busy.map(({ name, state }) => `${name} ${state}`).join("; ")}`);
    }
    await sleep(50);
  }
}

/**
 * Waits, but not for ever, until every device shows what is stored.
 * @param {SocketDevice[]} devices @param {Map<number, Stored>} stored
 */
export async function agree(devices, stored) {
  const late = Date.now() + 5000;
  const differs = () => devices.some((device) => {
    const theirs = stored.get(device.userId);
    return theirs && differences(device, theirs).length > 0;
  });
  while (differs() && Date.now() < late) await sleep(100);
}
