// What the people of a run do at their devices: write, read, go from chat to chat, reload.

import { setTimeout as sleep } from "node:timers/promises";

/** @import { Device } from "./device.mjs" */
/** @import { Random } from "../support/random.mjs" */

/**
 * Uses a device until `over`.
 * @param {Device} device
 * @param {{ writes: number[], reads: number[] }} partners whom its user writes to, and whose
 *   messages may be read
 * @param {Random} random @param {() => boolean} over
 * @param {Record<string, number>} tally counts what was done
 */
export async function use(device, partners, random, over, tally) {
  let written = 0;
  while (!over()) {
    await sleep(random.between(5, 120));
    const deed = random.next();
    if (deed < 0.5) {
      const partner = random.pick(partners.writes);
      // Several at once, none waits for the acknowledgement of the one before.
      for (let burst = random.between(1, 6); burst > 0; burst -= 1) {
        written += 1;
        const pad = random.chance(0.02) ? " …".repeat(4000) : "";
        device.send(partner, `${device.name} writes ${written}${pad}`);
      }
    } else if (deed < 0.75) {
      const partner = random.pick(partners.reads);
      const ids = device.receivedFrom(partner);
      if (ids.length > 0) device.markRead(partner, random.pick(ids.slice(-20)));
    } else if (deed < 0.97) {
      // A device that has written nothing yet may have no chat to join.
      const known = partners.reads.filter((partner) => device.counts.has(partner));
      if (known.length > 0) device.join(random.pick(known));
    } else {
      device.reload();
      tally.reload = (tally.reload ?? 0) + 1;
    }
  }
}
