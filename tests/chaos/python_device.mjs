// One more device: the client in Python that was written from docs/protocol.md alone, in a process of its own.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @import { Stored } from "./check.mjs" */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(`../python/${path}`, import.meta.url));
const PYTHON = here(".venv/bin/python");

/** How long it may take to send what waits, to catch up and to say what it has. */
const SETTLE_MS = 60_000;

/**
 * What it holds in the end.
 * @typedef {{ version: number, messages: Record<string, { version: number, sender_id: number, text: string, deleted: boolean }> }} Held
 * @typedef {object} Outcome
 * @property {number} user_id
 * @property {Record<string, Held>} conversations by partner
 * @property {{ event: string, payload: any, answer: any }[]} acknowledged
 * @property {{ event: string, payload: any, code: string }[]} refused
 */

export class PythonDevice {
  #process;
  #output = "";
  #errors = "";
  #ended;

  /**
   * Writes, edits, deletes and marks in all its conversations, and breaks its connections.
   * @param {import("../support/client.mjs").Person} person @param {string} url @param {number} seconds @param {number} seed
   */
  constructor(person, url, seconds, seed) {
    if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is missing; make tests/python/.venv/.installed`);
    this.userId = person.id;
    const args = [here("client.py"), url, person.name, `password of ${person.name}`, "--take-part", String(seconds), String(seed)];
    this.#process = spawn(PYTHON, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#process.stdout.setEncoding("utf8").on("data", (text) => (this.#output += text));
    this.#process.stderr.setEncoding("utf8").on("data", (text) => (this.#errors += text));
    this.#ended = new Promise((resolve) => this.#process.once("close", resolve));
  }

  /** Lets it send what waits and catch up; gives what it has then. @returns {Promise<Outcome>} */
  async settle() {
    this.#process.stdin.end("\n");
    const timer = setTimeout(() => this.close(), SETTLE_MS);
    const code = await this.#ended;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`the client in Python ended with ${code}: ${this.#errors.slice(-2000)}`);
    return JSON.parse(this.#output);
  }

  close() {
    this.#process.kill("SIGKILL");
  }
}

/** How what it has differs from what is stored for its user. @param {Outcome} outcome @param {Stored} stored */
export function faultsOf({ conversations, acknowledged, refused }, stored) {
  /** @type {string[]} */
  const faults = [];
  const fault = (/** @type {string} */ text) => faults.push(`the client in Python ${text}`);
  if (Object.keys(conversations).length !== stored.conversations.size) {
    fault(`has ${Object.keys(conversations)}, not ${[...stored.conversations.keys()]}`);
  }
  const ids = new Set();
  for (const [partner, { state, messages }] of stored.conversations) {
    const held = conversations[partner];
    if (held?.version !== state.version) fault(`has ${partner} up to ${held?.version}, not ${state.version}`);
    for (const { id, version, sender_id, text, deleted_at } of messages.values()) {
      ids.add(id);
      const expected = { version, sender_id, text, deleted: deleted_at !== undefined };
      const found = held?.messages[id];
      if (JSON.stringify(found) !== JSON.stringify(expected)) {
        fault(`shows ${JSON.stringify(found)} as ${id} of ${partner}, not ${JSON.stringify(expected)}`);
      }
    }
  }
  for (const { event, payload, answer } of acknowledged) {
    if (event === "send_message" && !ids.has(answer.id)) fault(`was told that "${payload.text}" is ${answer.id}, which is not stored`);
  }
  // Blocks, and deletions of what was to be edited.
  for (const { event, code } of refused) if (code !== "forbidden") fault(`was refused ${event} by ${code}`);
  return faults;
}
