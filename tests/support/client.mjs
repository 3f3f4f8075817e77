// People with the Socket.IO clients that their pages may carry, and all that these clients hear.

import { io as io4_8 } from "socket.io-client";
import { io as io4_5 } from "socket.io-client-4.5";
// @ts-ignore: this version has types, but does not export them.
import { io as io3_1 } from "socket.io-client-3";
// @ts-ignore: this version has no types.
import io2_5 from "socket.io-client-2";

import { NOTIFICATIONS, mustBeDeclared } from "./protocol.mjs";
import { addChat, idOf, logIn, register } from "./server.mjs";

/** @typedef {import("./server.mjs").Server} Server */
/** @typedef {"4.8" | "4.5" | "3.1" | "2.5"} Version */
/**
 * "upgrade" waits until polling has given way to a WebSocket; "upgrading" goes on at once.
 * @typedef {"polling" | "websocket" | "upgrade" | "upgrading"} Transport
 */
/**
 * `from`: the address of the browser, as a proxy passes it on; `url`: where the server is reached, if not
 * directly; `protocol`: 1 if nothing is said; client 2.5 can ask for no other.
 * @typedef {{ version?: Version, transport?: Transport, origin?: string, from?: string, url?: string, protocol?: 1 | 2 }} Options
 */
/** @typedef {{ messages: Row[], new_message_count: number, last_read_id: number, blocked: boolean }} Joined */
/** @typedef {{ id: number, sender_id: number, receiver_id: number, message: string, timestamp: string }} Row */

/**
 * What the sockets of all versions have in common. Only the newer ones can listen to any event.
 * @typedef {object} Wire
 * @property {boolean} connected
 * @property {(event: string, listener: (...args: any[]) => void) => unknown} on
 * @property {(listener: (event: string, ...args: any[]) => void) => unknown} [onAny]
 * @property {(event: string, ...args: unknown[]) => unknown} emit
 * @property {() => unknown} close
 * @property {{ engine: { transport: { name: string }, on: (event: string, listener: () => void) => unknown } }} io
 */

/** @type {Version[]} */
export const VERSIONS = ["4.8", "4.5", "3.1", "2.5"];
/** @type {Transport[]} */
export const TRANSPORTS = ["polling", "websocket", "upgrade"];

/** The newest version is what our own pages use, the one before it what the original's page loads. */
const CONNECT = /** @type {Record<Version, (url: string, options: object) => Wire>} */ (
  /** @type {unknown} */ ({ "4.8": io4_8, "4.5": io4_5, "3.1": io3_1, "2.5": io2_5 })
);

const PATIENCE_SECONDS = 15;

/**
 * Waits for `promise`, but not for ever.
 * @template T
 * @param {Promise<T>} promise
 * @param {() => string} what what was waited for, as the failure will say it
 */
export async function within(promise, what) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Promise<never>} */
  const late = new Promise((_, reject) => {
    const fail = () => reject(new Error(`waited ${PATIENCE_SECONDS} s for ${what()}`));
    timer = setTimeout(fail, PATIENCE_SECONDS * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One socket: a tab or a device. */
export class Client {
  #wire;
  /** @type {Set<() => void>} */
  #checks = new Set();
  /** Why the socket was closed. @type {string | undefined} */
  #closed;
  #hasFailedToUpgrade = false;
  /**
   * Everything that came from the server, in the order in which it came.
   * @type {{ kind: "event" | "ack", event: string, args: any[] }[]}
   */
  log = [];

  /** @param {Wire} wire */
  constructor(wire) {
    this.#wire = wire;
    /** @param {string} event @param {any[]} args */
    const hear = (event, ...args) => this.#note({ kind: "event", event, args });
    if (wire.onAny) wire.onAny(hear);
    // Those clients must name what they listen to.
    else for (const event of NOTIFICATIONS) wire.on(event, (...args) => hear(event, ...args));
    wire.io.engine.on("upgradeError", () => {
      this.#hasFailedToUpgrade = true;
      this.#check();
    });
    wire.on("disconnect", (/** @type {string} */ reason) => {
      this.#closed = reason;
      this.#check();
    });
  }

  /**
   * A connected socket. Fails with the server's words when it refuses the connection.
   * @param {Server} server @param {string | undefined} cookie @param {Options} [options]
   */
  static async connect(server, cookie, options = {}) {
    const { version = "4.8", transport = "websocket", origin, from, url = server.url, protocol = 1 } = options;
    const { origin: host, pathname } = new URL(url);
    const wire = CONNECT[version](host, {
      // A server may lie below a path of its host.
      path: `${pathname.replace(/\/$/, "")}/socket.io/`,
      forceNew: true,
      // As Node's own setting says, which these clients do not read.
      rejectUnauthorized: process.env.NODE_TLS_REJECT_UNAUTHORIZED !== "0",
      reconnection: false,
      ...(transport.startsWith("upgrad") ? {} : { transports: [transport] }),
      ...(protocol === 1 ? {} : { auth: { protocol } }),
      extraHeaders: {
        ...(cookie ? { cookie } : {}),
        ...(origin ? { origin } : {}),
        ...(from ? { "x-forwarded-for": from } : {}),
      },
    });
    const client = new Client(wire);
    const connected = new Promise((resolve, reject) => {
      /** @param {{ message: string } | string} error */
      const refuse = (error) => {
        wire.close();
        reject(new Error(typeof error === "string" ? error : error.message));
      };
      wire.on("connect", () => resolve(undefined));
      wire.on("connect_error", refuse);
      // Versions before 3 tell by this event that the server does not want them.
      wire.on("error", refuse);
    });
    await within(connected, () => `client ${version} to connect over ${transport}`);
    if (transport === "upgrade") await client.upgraded();
    return client;
  }

  /** The transport in use: "polling" or "websocket". */
  get transport() {
    return this.#wire.io.engine.transport.name;
  }

  /** Resolves when polling has given way to a WebSocket. */
  upgraded() {
    this.#wire.io.engine.on("upgrade", () => this.#check());
    return this.until(() => this.transport === "websocket", () => "the upgrade to a WebSocket");
  }

  /** Resolves when the WebSocket that polling should give way to has failed. */
  upgradeFailed() {
    return this.until(() => this.#hasFailedToUpgrade, () => "the failure of the upgrade");
  }

  /** Resolves at the next heartbeat of the server: there is one every 25 seconds, so this is not bounded. */
  heartbeat() {
    return new Promise((resolve) => this.#wire.io.engine.on("ping", () => resolve(undefined)));
  }

  /** Every event so far, as pairs of its name and its payload. */
  get received() {
    const events = this.log.filter(({ kind }) => kind === "event");
    return events.map(({ event, args }) => [event, ...args]);
  }

  /**
   * The payloads of the events of a name so far.
   * @param {string} event @returns {any[]}
   */
  payloads(event) {
    const found = this.log.filter((entry) => entry.kind === "event" && entry.event === event);
    return found.map(({ args }) => args[0]);
  }

  /**
   * The payload of the first event of a name that `matches`, whether it came already or not.
   * @param {string} event @param {(payload: any) => boolean} [matches] @returns {Promise<any>}
   */
  receives(event, matches = () => true) {
    return this.until(() => this.payloads(event).find(matches), () => `a fitting ${event}`);
  }

  /**
   * Waits until `condition` gives something, and gives that. It is asked after each event, each
   * acknowledgement, and after the upgrade.
   * @template T
   * @param {() => T | false | undefined} condition @param {() => string} what
   * @returns {Promise<T>}
   */
  until(condition, what) {
    /** @type {Promise<T>} */
    const met = new Promise((resolve, reject) => {
      const check = () => {
        const found = condition();
        if (found !== undefined && found !== false) resolve(found);
        else if (this.#closed) reject(new Error(`closed (${this.#closed}), no ${what()}`));
        else return;
        this.#checks.delete(check);
      };
      this.#checks.add(check);
      check();
    });
    return within(met, () => {
      const last = this.log.slice(-5).map(({ event, args }) => JSON.stringify([event, ...args]));
      return `${what()}; what came last: ${last.map((text) => text.slice(0, 200)).join(" ")}`;
    });
  }

  /** Resolves when the server has closed the socket. */
  closed() {
    return this.until(() => this.#closed !== undefined, () => "the end of the socket");
  }

  close() {
    this.#wire.close();
  }

  /**
   * Emits without asking for an acknowledgement.
   * @param {string} event @param {unknown[]} args
   */
  tell(event, ...args) {
    this.#wire.emit(event, ...args);
  }

  /**
   * Emits, and gives all arguments of the acknowledgement; the very array that stands in the log.
   * @param {string} event @param {unknown[]} args @returns {Promise<any[]>}
   */
  ask(event, ...args) {
    /** @type {any[] | undefined} */
    let answer;
    this.#wire.emit(event, ...args, (/** @type {any[]} */ ...given) => {
      answer = given;
      this.#note({ kind: "ack", event, args: given });
    });
    const asked = () => JSON.stringify([event, ...args])?.slice(0, 200);
    return this.until(() => answer, () => `the acknowledgement of ${asked()}`);
  }

  /**
   * Joins the chat with a partner.
   * @param {Person} partner
   * @returns {Promise<Joined>}
   */
  async join(partner) {
    const answer = await this.ask("join_chat", { chat_partner_id: partner.id, with_state: true });
    return joined(answer);
  }

  /**
   * Sends a message; gives its acknowledgement.
   * @param {Person} partner @param {string} message @param {string} [client_id]
   * @returns {Promise<{ timestamp: string, id: number, duplicate: boolean, failure?: string }>}
   */
  async send(partner, message, client_id) {
    partner.server.hides(message);
    const payload = { message, chat_partner_id: partner.id, ...(client_id ? { client_id } : {}) };
    return (await this.ask("message_sent", payload))[0];
  }

  /**
   * Blocks a partner, or takes that back; gives the acknowledgement.
   * @param {Person} partner @param {boolean} blocked
   * @returns {Promise<{ blocked: boolean, failure?: string }>}
   */
  async block(partner, blocked) {
    return (await this.ask("block", { chat_partner_id: partner.id, blocked }))[0];
  }

  /**
   * Sends messages without waiting in between; gives their acknowledgements.
   * @param {Person} partner @param {string[]} messages
   */
  sendAll(partner, messages) {
    return Promise.all(messages.map((message) => this.send(partner, message)));
  }

  /**
   * A page of older messages.
   * @param {Person} partner @param {number} message_count @param {number} [before_id]
   * @returns {Promise<Row[]>}
   */
  async older(partner, message_count, before_id) {
    const payload = { chat_partner_id: partner.id, message_count };
    const place = before_id === undefined ? {} : { before_id };
    const event = "message_history_is_scrolled_to_the_top";
    return (await this.ask(event, { ...payload, ...place }))[0];
  }

  /**
   * Says what has been read, as the original client does or, with `last_read_id`, exactly.
   * @param {Person} partner @param {number} new_message_count @param {number} [last_read_id]
   * @returns {Promise<{ new_message_count: number, last_read_id: number }>}
   */
  async read(partner, new_message_count, last_read_id) {
    const payload = { chat_partner_id: partner.id, new_message_count };
    const place = last_read_id === undefined ? {} : { last_read_id };
    return (await this.ask("new_message_count_updated", { ...payload, ...place }))[0];
  }

  /** @param {{ kind: "event" | "ack", event: string, args: any[] }} entry */
  #note(entry) {
    mustBeDeclared(entry.kind, entry.event, entry.args);
    this.log.push(entry);
    this.#check();
  }

  #check() {
    for (const check of [...this.#checks]) check();
  }
}

/**
 * Takes the acknowledgement of `join_chat` apart.
 * @param {any[]} answer
 * @returns {Joined}
 */
export function joined(answer) {
  const [messages, new_message_count, further] = answer;
  if (!Array.isArray(messages)) throw new Error(`join_chat was answered ${JSON.stringify(answer)}`);
  const { last_read_id, blocked } = further ?? {};
  return { messages, new_message_count, last_read_id, blocked };
}

/** Somebody who is registered and has a session. */
export class Person {
  /** @param {Server} server @param {string} name @param {number} id @param {string} cookie */
  constructor(server, name, id, cookie) {
    this.server = server;
    this.name = name;
    this.id = id;
    this.cookie = cookie;
  }

  /**
   * A person whom the server knows already.
   * @param {Server} server @param {string} name @param {string} [password]
   */
  static async known(server, name, password) {
    const cookie = await logIn(server, name, password);
    return new Person(server, name, await idOf(server, cookie, name), cookie);
  }

  /** The same person with a session of its own, as in another browser. */
  async elsewhere() {
    return new Person(this.server, this.name, this.id, await logIn(this.server, this.name));
  }

  /** Opens the chat with `partner`, as the find page does. @param {Person} partner */
  opens(partner) {
    return addChat(this.server, this.cookie, partner.id);
  }

  /** Opens a tab. @param {Options} [options] */
  connect(options) {
    return Client.connect(this.server, this.cookie, options);
  }
}

let newcomerCount = 0;

/**
 * Registers people whom nobody has met yet, so that tests that share a server do not meet.
 * @template {string[]} Names
 * @param {Server} server @param {[...Names]} names
 */
export async function newcomers(server, ...names) {
  const people = [];
  for (const name of names) {
    newcomerCount += 1;
    const unique = `${name} (${newcomerCount})`;
    await register(server, unique);
    people.push(await Person.known(server, unique));
  }
  return /** @type {{ [Place in keyof Names]: Person }} */ (people);
}

/**
 * Two people who have opened their chat on both sides.
 * @param {Server} server
 */
export async function partners(server) {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  await ann.opens(ben);
  await ben.opens(ann);
  return { ann, ben };
}

/** The texts `prefix 1` to `prefix count`. @param {string} prefix @param {number} count */
export function texts(prefix, count) {
  return Array.from({ length: count }, (_, index) => `${prefix} ${index + 1}`);
}
