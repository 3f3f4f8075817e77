// Several people write, change what they wrote, read and block at several devices each, by both protocols, while
// connections break and the server is killed again and again. SECONDS says for how long, SEED repeats the chance of another run.

import assert from "node:assert/strict";
import { test } from "node:test";

import { newcomers } from "../support/client.mjs";
import { Random } from "../support/random.mjs";
import { startServer } from "../support/server.mjs";
import { findFaults, findFaultsInFile, readStored } from "./check.mjs";
import { Device } from "./device.mjs";
import { breakConnections, killServer } from "./faults.mjs";
import { FlaskDevice } from "./flask_device.mjs";
import { use } from "./people.mjs";
import { Proxy } from "./proxy.mjs";
import { PythonDevice, faultsOf } from "./python_device.mjs";
import { agree, rest } from "./rest.mjs";
import { Sightings } from "./sightings.mjs";

const SECONDS = Number(process.env.SECONDS ?? 12);
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]];
/** The devices of each person: of protocol 1, and of 2 with all messages or a part. */
const KINDS = ["flask", "flask", "all", "part"];

test("nothing is lost, doubled or out of order, whatever breaks", { timeout: SECONDS * 1000 + 120_000 }, async (t) => {
  t.diagnostic(`SEED=${SEED} SECONDS=${SECONDS}`);
  const random = new Random(SEED);
  /** @type {Record<string, number>} */
  const tally = {};
  const server = await startServer();
  const proxy = await Proxy.start(Number(new URL(server.url).port));
  const sightings = new Sightings();
  /** @type {(Device | FlaskDevice)[]} */
  const devices = [];
  /** @type {PythonDevice | undefined} */
  let python;
  try {
    const people = await newcomers(server, "ann", "ben", "cyd");
    const [ann, ben, cyd] = people;
    // Only one of each two opens their chat: the first message opens the other's side.
    await Promise.all([ann.opens(ben), ben.opens(cyd), cyd.opens(ann), ann.opens(ann)]);
    const writes = new Map([[ann, [ben, ann]], [ben, [cyd]], [cyd, [ann]]]);

    const end = Date.now() + SECONDS * 1000;
    const over = () => Date.now() >= end;
    const deeds = [];
    for (const [place, person] of people.entries()) {
      for (let device = 0; device < KINDS.length; device += 1) {
        const { name } = person;
        const transports = TRANSPORTS[(device + place) % TRANSPORTS.length];
        const made =
          KINDS[device] === "flask"
            ? new FlaskDevice(`${name} at ${device}`, person, proxy.url, transports)
            : new Device(`${name} at ${device}`, person, proxy.url, transports, sightings, random.fork(), KINDS[device] === "all");
        devices.push(made);
        made.connect();
        const partners = {
          writes: (writes.get(person) ?? []).map(({ id }) => id),
          reads: people.filter((other) => other !== person).map(({ id }) => id),
        };
        deeds.push(use(made, partners, random.fork(), over, tally));
      }
    }
    python = new PythonDevice(ann, proxy.url, SECONDS, random.between(0, 1_000_000));
    deeds.push(breakConnections(proxy, random.fork(), over, tally));
    deeds.push(killServer(server, devices, random.fork(), over, tally));
    await Promise.all(deeds);
    proxy.heal();

    await rest(devices);
    const inPython = await python.settle();
    await rest(devices);
    // What a device has lost of the last events, no later version tells.
    for (const device of devices) if (device instanceof Device) device.compare();
    await rest(devices);
    const ask = async () => new Map(await Promise.all(
      people.map(async (person) => /** @type {const} */ ([person.id, await readStored(server, person)])),
    ));
    const stored = await ask();
    // The last events may still be on their way.
    await agree(devices, stored);
    const faults = findFaults(devices, stored, sightings, [inPython]);
    faults.push(...faultsOf(inPython, /** @type {import("./check.mjs").Stored} */ (stored.get(ann.id))));
    tally["in Python"] = inPython.acknowledged.length;
    // And once more from what is on disk.
    await server.stop("SIGKILL");
    await server.start();
    assert.deepEqual(await ask(), stored, "after another kill the store gives something else");
    await server.stop();
    const inFile = findFaultsInFile(server.database, stored);
    faults.push(...(inFile ?? []));

    tally.acknowledged = devices.reduce((sum, device) => sum + device.acknowledged.length, 0);
    tally.refused = devices.reduce((sum, device) => sum + device.refused.length, 0);
    tally["sent again"] = devices.flatMap((device) => device.acknowledged).filter(({ attempts }) => attempts > 1).length;
    tally.connections = devices.reduce((sum, device) => sum + device.connection, 0);
    t.diagnostic(`${JSON.stringify(tally)}${inFile ? "" : "; no python3: the file itself was not read"}`);
    assert.deepEqual(faults, []);
    assert.ok(tally.acknowledged > 0 && tally.kill > 0 && tally["in Python"] > 0, "nothing happened");
  } catch (error) {
    console.error(`To repeat this: SEED=${SEED} SECONDS=${SECONDS} node --test tests/chaos/chaos.test.mjs`);
    if (/panicked|ERROR/.test(server.log)) console.error(server.log.split("\n").slice(-20).join("\n"));
    throw error;
  } finally {
    for (const device of devices) device.close();
    python?.close();
    proxy.close();
    await server.remove();
  }
});
