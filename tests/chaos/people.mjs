// What the people of a run do at their devices: write, change what they wrote, read, block, go from chat to
// chat, reload.

import { setTimeout as sleep } from "node:timers/promises";

import { Device } from "./device.mjs";

/** @import { FlaskDevice } from "./flask_device.mjs" */
/** @import { Random } from "../support/random.mjs" */

/** A device that has so much to send writes nothing more for a while. */
const UNSENT_MAX = 100;

/**
 * Uses a device until `over`.
 * @param {Device | FlaskDevice} device
 * @param {{ writes: number[], reads: number[] }} partners whom its user writes to, and whose
 *   messages may be read
 * @param {Random} random @param {() => boolean} over
 * @param {Record<string, number>} tally counts what was done
 */
export async function use(device, partners, random, over, tally) {
  let written = 0;
  const text = (/** @type {string} */ verb) => {
    written += 1;
    const pad = random.chance(0.02) ? " …".repeat(4000) : "";
    return `${device.name} ${verb} ${written}${pad}`;
  };
  while (!over()) {
    await sleep(random.between(5, 120));
    const deed = random.next();
    if (deed < 0.4) {
      if (device.unsent > UNSENT_MAX) continue;
      const partner = random.pick(partners.writes);
      // Several at once, none waits for the acknowledgement of the one before.
      for (let burst = random.between(1, 6); burst > 0; burst -= 1) device.send(partner, text("writes"));
    } else if (deed < 0.97) {
      if (device instanceof Device) useConversation(device, partners, random, text, tally);
      else useChat(device, partners, random);
    } else if (random.chance(0.8)) {
      device.reload();
      tally.reload = (tally.reload ?? 0) + 1;
    } else {
      // So long that what was missed takes several answers.
      device.close();
      await sleep(random.between(1000, 4000));
      if (device instanceof Device) device.connect();
      else device.reload();
      tally.nap = (tally.nap ?? 0) + 1;
    }
  }
}

/** @param {FlaskDevice} device @param {{ reads: number[] }} partners @param {Random} random */
function useChat(device, { reads }, random) {
  const partner = random.pick(reads);
  if (random.chance(0.5)) {
    const ids = device.receivedFrom(partner);
    if (ids.length > 0) device.markRead(partner, random.pick(ids.slice(-20)));
    // A device that has written nothing yet may have no chat to join.
  } else if (device.counts.has(partner)) device.join(partner);
}

/**
 * @param {Device} device @param {{ reads: number[], writes: number[] }} partners @param {Random} random
 * @param {(verb: string) => string} text @param {Record<string, number>} tally
 */
function useConversation(device, { reads, writes }, random, text, tally) {
  const deed = random.next();
  const partner = random.pick(deed < 0.4 || random.chance(0.5) ? writes : reads);
  const held = device.model.get(partner);
  if (!held?.state) return;
  const own = device.ownMessages(partner).slice(-10);
  const newest = held.messages.at(-1);
  const count = (/** @type {string} */ name) => (tally[name] = (tally[name] ?? 0) + 1);
  if (deed < 0.3 && own.length > 0) {
    const { id } = random.pick(own);
    // Two edits under way at once are done in their order, and each once.
    for (let times = random.between(1, 2); times > 0; times -= 1) device.edit(partner, id, text("edits"));
    count("edit");
  } else if (deed < 0.4 && own.length > 0) {
    device.delete(partner, random.pick(own).id);
    count("deletion");
  } else if (deed < 0.5 && newest) {
    device.mark("mark_read", partner, random.pick(held.messages.slice(-20)).id);
  } else if (deed < 0.6 && newest && !held.isBehind) {
    device.mark("mark_delivered", partner, newest.id);
  } else if (partner !== device.userId && (held.state.blocked ? deed < 0.95 : deed < 0.605)) {
    device.setBlocked(partner, !held.state.blocked);
    count("block or unblock");
  } else if (deed < 0.9) device.open(partner);
  else if (deed < 0.95) device.compare();
  else if (!device.holdsAll) device.forget(partner);
}
