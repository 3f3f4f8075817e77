// What must hold when everything has settled. The truth is what the store gives to a client that
// begins with nothing; where Python is at hand, the file itself is read, too.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { Client } from "../support/client.mjs";

/** @import { Server } from "../support/server.mjs" */
/** @import { Acknowledged, Device, Row } from "./device.mjs" */

/** How many complaints of a kind are worth reading. */
const SHOWN_MAX = 5;

/**
 * What is stored for a user.
 * @typedef {{
 *   rows: Map<number, Row>,
 *   chats: Map<number, { new_message_count: number, last_read_id: number }>,
 * }} Stored
 */

/**
 * Everything that is stored for a user, oldest first, asked for as a new client would.
 * @param {Server} server @param {{ cookie: string }} user
 * @returns {Promise<Stored>}
 */
export async function readStored(server, user) {
  const client = await Client.connect(server, user.cookie);
  /** @type {Stored} */
  const stored = { rows: new Map(), chats: new Map() };
  for (let more = true, since_id = 0; more; ) {
    const [page] = await client.ask("sync", { since_id });
    for (const row of page.messages) {
      if (row.id <= since_id) throw new Error(`sync gave ${row.id} after ${since_id}`);
      since_id = row.id;
      stored.rows.set(row.id, row);
    }
    for (const chat of page.chats) stored.chats.set(chat.id, chat);
    more = page.more;
  }
  client.close();
  return stored;
}

/**
 * What is wrong with a device's own record, and with what was stored for its user.
 * @param {Device[]} devices
 * @param {Map<number, Stored>} stored by user
 * @returns {string[]}
 */
export function findFaults(devices, stored) {
  /** @type {string[]} */
  const faults = [];
  for (const [userId, { rows, chats }] of stored) {
    faults.push(...some(`stored for user ${userId}`, [...storedTwice(rows), ...wrongCounts(userId, rows, chats)]));
  }
  /** @type {Map<number, string>} */
  const owners = new Map();
  for (const device of devices) {
    const theirs = /** @type {Stored} */ (stored.get(device.userId));
    const found = [
      ...device.faults,
      ...lost(device, theirs.rows),
      ...sharedIds(device, owners),
      ...outOfOrder(device.acknowledged),
      ...heardOutOfOrder(device),
      ...unread(device, theirs),
      ...differences(device, theirs),
    ];
    faults.push(...some(device.name, found));
  }
  return faults;
}

/**
 * How the view of a device differs from what is stored: in messages, or in counts of new ones.
 * @param {Device} device @param {Stored} stored
 * @returns {string[]}
 */
export function differences(device, stored) {
  const faults = [];
  for (const [id, { message }] of stored.rows) {
    const seen = device.rows.get(id);
    if (!seen) faults.push(`does not show message ${id}, "${brief(message)}"`);
    else if (seen.message !== message) faults.push(`shows "${brief(seen.message)}" as message ${id}`);
  }
  for (const id of device.rows.keys()) {
    if (!stored.rows.has(id)) faults.push(`shows message ${id}, which is not stored`);
  }
  const counts = device.counts;
  for (const [partner, { new_message_count }] of stored.chats) {
    const count = counts.get(partner);
    if (count !== new_message_count) {
      faults.push(`counts ${count} new from ${partner}, stored are ${new_message_count}`);
    }
  }
  return faults;
}

/** Every text was written once. @param {Map<number, Row>} rows */
function storedTwice(rows) {
  const faults = [];
  /** @type {Map<string, number>} */
  const ids = new Map();
  for (const { id, message } of rows.values()) {
    const other = ids.get(message);
    if (other !== undefined) faults.push(`"${brief(message)}" is stored twice, as ${other} and ${id}`);
    ids.set(message, id);
  }
  return faults;
}

/** @param {number} userId @param {Map<number, Row>} rows @param {Stored["chats"]} chats */
function wrongCounts(userId, rows, chats) {
  const faults = [];
  for (const [partner, { new_message_count, last_read_id }] of chats) {
    // What one writes to oneself is not new.
    const received = [...rows.values()].filter((row) => row.sender_id === partner && partner !== userId);
    const after = received.filter(({ id }) => id > last_read_id);
    if (after.length !== new_message_count) {
      faults.push(`${new_message_count} new from ${partner} are counted, ${after.length} are after ${last_read_id}`);
    }
  }
  return faults;
}

/** What was acknowledged and is not stored so. @param {Device} device @param {Stored["rows"]} rows */
function lost(device, rows) {
  const faults = [];
  for (const { id, text, partner, attempts } of device.acknowledged) {
    const row = rows.get(id);
    if (!row) faults.push(`"${brief(text)}" was acknowledged as ${id} at attempt ${attempts}, and is lost`);
    else if (row.message !== text || row.sender_id !== device.userId || row.receiver_id !== partner) {
      faults.push(`"${brief(text)}" was acknowledged as ${id}, which is "${brief(row.message)}"`);
    }
  }
  return faults;
}

/** Messages that were acknowledged with the same id. @param {Device} device @param {Map<number, string>} owners */
function sharedIds(device, owners) {
  const faults = [];
  for (const { id, client_id, text } of device.acknowledged) {
    const owner = owners.get(id);
    if (owner !== undefined && owner !== client_id) faults.push(`"${brief(text)}" has another's id ${id}`);
    owners.set(id, client_id);
  }
  return faults;
}

/**
 * Of the messages that a device sent on one connection, and that were acknowledged at their first
 * attempt, one that was sent later has a greater id. A message that had to be sent again may stand
 * later than those sent after it: then nothing is promised.
 * @param {Acknowledged[]} acknowledged
 */
function outOfOrder(acknowledged) {
  const faults = [];
  const first = acknowledged.filter(({ attempts }) => attempts === 1).sort((a, b) => a.place - b.place);
  /** @type {Map<number, Acknowledged>} */
  const last = new Map();
  for (const sent of first) {
    const before = last.get(sent.connection);
    if (before && before.id >= sent.id) {
      faults.push(`"${brief(before.text)}" (${before.id}) was sent before "${brief(sent.text)}" (${sent.id})`);
    }
    last.set(sent.connection, sent);
  }
  return faults;
}

/**
 * On one connection the messages of one chat are told of in the order of their ids, each once. (Those
 * of different chats may change places while one of them is being joined.)
 * @param {Device} device
 */
function heardOutOfOrder({ live }) {
  const faults = [];
  for (const [where, ids] of live) {
    const place = ids.findIndex((id, place) => place > 0 && id <= ids[place - 1]);
    if (place !== -1) faults.push(`${where}: ${ids[place]} came after ${ids[place - 1]}`);
  }
  return faults;
}

/** Reading that was acknowledged and forgotten. @param {Device} device @param {Stored} stored */
function unread(device, { chats }) {
  const faults = [];
  for (const [partner, id] of device.read) {
    const last = chats.get(partner)?.last_read_id ?? 0;
    if (last < id) faults.push(`read up to ${id} from ${partner} was acknowledged, ${last} is stored`);
  }
  return faults;
}

/** Views over the tables, as the Rust tests have them. */
const SIDES = readFileSync(new URL("../support/sides.sql", import.meta.url), "utf8");

const READ_FILE = `
import json, sqlite3, sys
db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
db.executescript(sys.argv[2])
one = lambda sql: [list(row) for row in db.execute(sql)]
print(json.dumps({
  "integrity": one("PRAGMA integrity_check"),
  "messages": one("SELECT id, sender_id, receiver_id, message FROM said"),
  "twice": one("SELECT sender_id, hex(client_id), count(*) FROM messages GROUP BY 1, 2 HAVING count(*) > 1"),
  "counts": one("SELECT user_id, partner_id, new_message_count, found FROM miscounted"),
}))`;

/**
 * What is wrong in the file itself; null where there is no Python to read it with.
 * @param {string} database
 * @param {Map<number, Stored>} stored
 * @returns {string[] | null}
 */
export function findFaultsInFile(database, stored) {
  const python = spawnSync("python3", ["-c", READ_FILE, database, SIDES], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    timeout: 60_000,
  });
  if (python.error || /No module named/.test(python.stderr)) return null;
  if (python.status !== 0) return [`the file cannot be read: ${python.stderr}`];
  const { integrity, messages, twice, counts } = JSON.parse(python.stdout);
  const faults = [];
  if (integrity[0][0] !== "ok") faults.push(`integrity_check: ${integrity}`);
  for (const [sender, clientId, count] of twice) faults.push(`${count} messages of ${sender} are ${clientId}`);
  for (const [user, partner, count, found] of counts) {
    faults.push(`${user} has ${count} new from ${partner} by count, ${found} by messages`);
  }
  for (const [id, sender, receiver, message] of messages) {
    for (const user of [sender, receiver]) {
      const given = stored.get(user)?.rows.get(id)?.message;
      if (given !== message) faults.push(`message ${id} is "${brief(message)}" in the file, ${user} gets "${given}"`);
    }
  }
  return some("the file", faults);
}

/** @param {string} who @param {string[]} faults */
function some(who, faults) {
  const shown = faults.slice(0, SHOWN_MAX).map((fault) => `${who}: ${fault}`);
  return faults.length > SHOWN_MAX ? [...shown, `${who}: and ${faults.length - SHOWN_MAX} more`] : shown;
}

/** @param {string} text */
function brief(text) {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
