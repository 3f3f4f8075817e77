// What goes wrong during a run: connections break, slow down or hang; the server is killed; pages
// are reloaded.

import { setTimeout as sleep } from "node:timers/promises";

/** @import { Server } from "../support/server.mjs" */
/** @import { SocketDevice } from "./socket_device.mjs" */
/** @import { Proxy } from "./proxy.mjs" */
/** @import { Random } from "../support/random.mjs" */

/** How long the server stays away after it was killed, at most. */
const DOWN_MS_MAX = 400;

/**
 * Breaks connections until `over`, and leaves them healed.
 * @param {Proxy} proxy @param {Random} random @param {() => boolean} over
 * @param {Record<string, number>} tally counts what was done
 */
export async function breakConnections(proxy, random, over, tally) {
  while (!over()) {
    await sleep(random.between(20, 250));
    const { links } = proxy;
    if (links.length === 0) continue;
    const link = random.pick(links);
    const fault = random.pick(["cut", "cut", "delay", "stall", "cut all"]);
    if (fault === "cut") link.cut();
    else if (fault === "delay") link.delay(random.between(5, 150));
    else if (fault === "cut all" && random.chance(0.3)) for (const each of links) each.cut();
    else if (fault === "stall") {
      link.stall();
      setTimeout(() => link.resume(), random.between(100, 2500)).unref();
    } else continue;
    tally[fault] = (tally[fault] ?? 0) + 1;
    if (random.chance(0.1)) proxy.heal();
  }
  proxy.heal();
}

/**
 * Kills the server again and again until `over`, and leaves it running.
 * @param {Server} server @param {SocketDevice[]} devices @param {Random} random @param {() => boolean} over
 * @param {Record<string, number>} tally counts what was done
 */
export async function killServer(server, devices, random, over, tally) {
  while (!over()) {
    await sleep(random.between(300, 1500));
    // The moment at which one that acknowledges too early would be found out.
    if (random.chance(0.7)) {
      const acknowledgement = devices.map((device) => device.acknowledgement());
      await Promise.race([...acknowledgement, sleep(1000, undefined, { ref: false })]);
    }
    await server.stop("SIGKILL");
    tally.kill = (tally.kill ?? 0) + 1;
    await sleep(random.between(0, DOWN_MS_MAX));
    await server.start();
  }
}
