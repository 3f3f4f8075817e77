// While any one peer sends whatever it can, nobody else feels it: each attack of the table, by peers that
// read and by peers that do not, against one server with its default limits.
//
// `make attack` holds a release build to what is promised, for SECONDS an attack. In `make test` each
// attack is short and the bounds are wide: there a fault shows as seconds or gigabytes, not as noise.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { startServer } from "../support/server.mjs";
import { ATTACKS } from "./attacks.mjs";
import { Bystanders, logIn, percentile } from "./bystanders.mjs";

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const run = promisify(execFile);

const isLong = process.env.SECONDS !== undefined;
const SECONDS = Number(process.env.SECONDS ?? 1);
/** How many connections an attacker uses at a time. */
const SOCKETS = Number(process.env.SOCKETS ?? (isLong ? 512 : 32));
const BOUNDS = isLong
  ? { acknowledgement_ms: 100, page_ms: 200, login_ms: 2000, memory_mb: 200, log_lines_a_second: 1 }
  : { acknowledgement_ms: 2000, page_ms: 4000, login_ms: 12_000, memory_mb: 200, log_lines_a_second: 3 };
/** The log lets so many lines pass at once; after them, a line in three seconds. */
const LOG_LINES_FREE = 40;

const NAMES = Object.keys(ATTACKS);
const VARIANTS = NAMES.flatMap((name) => [true, false].map((reads) => ({ name, reads })));
/** The bystanders come first; each attack of a member has a member of its own. */
const BYSTANDERS = ["ann", "ben", "carla"];
const nameOf = (/** @type {{ name: string, reads: boolean }} */ { name, reads }) =>
  `${ATTACKS[name].hasMuch ? "much" : "mallory"} ${NAMES.indexOf(name)} ${reads ? "reads" : "does not read"}`;
const members = [...BYSTANDERS, ...VARIANTS.filter(({ name }) => ATTACKS[name].isMember).map(nameOf)];

/** @type {import("../support/server.mjs").Server} */
let server;
/** @type {Bystanders} */
let bystanders;
/** By the name of the member. @type {Map<string, string>} */
const cookies = new Map();

before(async () => {
  const dir = mkdtempSync(join(tmpdir(), "visavis-attack-"));
  const database = join(dir, "flask.db");
  execFileSync("python3", [here("database.py"), database, JSON.stringify(members)]);
  server = await startServer({ database, isOrdinary: true, args: ["--bcrypt-cost", "10"] });
  await rm(dir, { recursive: true });
  const people = BYSTANDERS.map((username, index) => ({ id: index + 1, username, address: `127.0.2.${index + 1}` }));
  bystanders = await Bystanders.meet(server, people);
  for (const [index, member] of members.entries()) {
    if (!BYSTANDERS.includes(member)) cookies.set(member, await logIn(server, member, addressOf(index)));
  }
});
after(async () => {
  bystanders?.close();
  await server?.remove();
});

/** An address for each attack, since the limits remember the one before. @param {number} index */
const addressOf = (index) => `127.0.${10 + Math.floor(index / 250)}.${1 + (index % 250)}`;

async function memory() {
  const status = await readFile(`/proc/${server.pid}/status`, "utf8");
  return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

/** The lines of the log that an operator sees. */
const logLines = () => server.log.split("\n").filter((line) => / (INFO|WARN|ERROR) /.test(line));

for (const [index, variant] of VARIANTS.entries()) {
  const { name, reads } = variant;
  test(`nobody is felt by the others: ${name}${reads ? "" : ", and does not read"}`, async () => {
    const attack = ATTACKS[name];
    const member = nameOf(variant);
    const id = members.indexOf(member) + 1;
    const attacker = {
      host: "127.0.0.1",
      port: Number(new URL(server.url).port),
      address: addressOf(members.length + index),
      cookie: attack.isMember ? cookies.get(member) : "",
      partner: (id % members.length) + 1,
      sockets: SOCKETS,
      reads,
    };
    const before = { memory: await memory(), lines: logLines().length, begun: performance.now() };
    let isOver = false;
    const attacking = run(process.execPath, [here("peer.mjs"), name, JSON.stringify(attacker), String(SECONDS)]).finally(
      () => (isOver = true),
    );
    const [{ stdout }, waits] = await Promise.all([attacking, bystanders.wait(() => isOver)]);
    const seconds = (performance.now() - before.begun) / 1000;
    const did = JSON.parse(stdout);
    const felt = {
      acknowledgement_ms: percentile(waits.acknowledgements, 0.99),
      page_ms: percentile(waits.pages, 0.99),
      login_ms: Math.max(0, ...waits.logins),
      memory_mb: (await memory()) - before.memory,
      log_lines_a_second: Math.max(0, logLines().length - before.lines - LOG_LINES_FREE) / seconds,
    };
    const told = () => JSON.stringify({ felt, did, failures: waits.failures.slice(0, 5) }, null, 1);
    if (process.env.TELL) console.log(name, reads, told(), logLines().slice(before.lines).slice(-8).join("\n"));
    assert.ok(did.connections > 0, `the attack did not take place: ${told()}`);
    assert.deepEqual(waits.failures, [], told());
    assert.ok(waits.acknowledgements.length > 5, told());
    assert.equal(waits.deliveries, waits.acknowledgements.length, told());
    for (const [what, bound] of Object.entries(BOUNDS)) {
      assert.ok(felt[/** @type {keyof typeof BOUNDS} */ (what)] <= bound, `${what} is above ${bound}: ${told()}`);
    }
  });
}
