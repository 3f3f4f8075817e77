// People who are not attacked, and how long they wait: two who write to each other, one who loads pages,
// one who logs in. Each comes from an address of its own.

import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

import { io } from "socket.io-client";

/** @typedef {import("../support/server.mjs").Server} Server */
/** @typedef {{ id: number, cookie: string, address: string, socket: Awaited<ReturnType<typeof connected>> }} Person */
/** @typedef {{ acknowledgements: number[], deliveries: number, pages: number[], logins: number[], failures: string[] }} Waits times in ms */

/** How often each of the two writes: below what one person may send. */
const MESSAGE_EVERY_MS = 60;
const PAGE_EVERY_MS = 100;
/** When somebody gives up. */
const PATIENCE_MS = 30_000;

/** @param {number[]} times @param {number} part as in 0.99 */
export function percentile(times, part) {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

/**
 * A request as a browser at `address` would send it; resolves with the status when the body is there.
 * @param {Server} server @param {string} path
 * @param {{ address: string, agent?: Agent, cookie?: string, form?: Record<string, string> }} options
 * @returns {Promise<{ status: number, cookies: string[] }>}
 */
export function visit(server, path, { address, agent, cookie, form }) {
  const body = form ? new URLSearchParams(form).toString() : "";
  return new Promise((resolve, reject) => {
    const sent = request(
      server.url + path,
      {
        localAddress: address,
        agent: agent ?? false,
        method: form ? "POST" : "GET",
        timeout: PATIENCE_MS,
        headers: {
          origin: server.url,
          ...(cookie ? { cookie } : {}),
          ...(form ? { "content-type": "application/x-www-form-urlencoded", "content-length": body.length } : {}),
        },
      },
      (response) => {
        response.resume();
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, cookies: response.headers["set-cookie"] ?? [] }));
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`${path} was not answered within ${PATIENCE_MS} ms`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/**
 * Logs in and gives the session's cookie.
 * @param {Server} server @param {string} username @param {string} address
 */
export async function logIn(server, username, address) {
  const password = `password of ${username}`;
  server.hides(password);
  const { status, cookies } = await visit(server, "/login", { address, form: { username, password } });
  if (status !== 302) throw new Error(`logging in ${username} was answered with ${status}`);
  return cookies.map((cookie) => cookie.split(";")[0]).join("; ");
}

/**
 * A socket of a bystander.
 * @param {Server} server @param {string} cookie @param {string} address
 */
async function connected(server, cookie, address) {
  const agent = new Agent({ localAddress: address });
  // Node's WebSocket client takes the agent of the options, which the types know as a string.
  const options = { transports: ["websocket"], forceNew: true, extraHeaders: { cookie }, agent: /** @type {any} */ (agent) };
  const socket = io(server.url, options);
  await new Promise((resolve, reject) => {
    socket.on("connect", () => resolve(undefined));
    socket.on("connect_error", reject);
  });
  return socket;
}

/** Two people with a chat, their pages, and somebody who logs in from elsewhere. */
export class Bystanders {
  #server;
  #pair;
  #newcomer;

  /**
   * @param {Server} server
   * @param {Person[]} pair
   * @param {{ username: string, address: string }} newcomer
   */
  constructor(server, pair, newcomer) {
    this.#server = server;
    this.#pair = pair;
    this.#newcomer = newcomer;
  }

  /**
   * @param {Server} server @param {{ id: number, username: string, address: string }[]} people the pair, and who logs in
   */
  static async meet(server, people) {
    const [one, other, newcomer] = people;
    const pair = [];
    for (const { id, username, address } of [one, other]) {
      const cookie = await logIn(server, username, address);
      pair.push({ id, cookie, address, socket: await connected(server, cookie, address) });
    }
    await logIn(server, newcomer.username, newcomer.address);
    return new Bystanders(server, pair, newcomer);
  }

  /** What they wait for until `isOver`. @param {() => boolean} isOver @returns {Promise<Waits>} */
  async wait(isOver) {
    /** @type {Waits} */
    const waits = { acknowledgements: [], deliveries: 0, pages: [], logins: [], failures: [] };
    const [one, other] = this.#pair;
    await Promise.all([
      this.#write(one, other, isOver, waits),
      this.#write(other, one, isOver, waits),
      this.#load(isOver, waits),
      this.#logIn(waits),
    ]);
    return waits;
  }

  close() {
    for (const { socket } of this.#pair) socket.close();
  }

  /** @param {Person} from @param {Person} to @param {() => boolean} isOver @param {Waits} waits */
  async #write(from, to, isOver, waits) {
    let [delivered, stored] = [0, 0];
    const count = () => (delivered += 1);
    to.socket.on("message_received_from_another_chat", count);
    const asked = [];
    while (!isOver()) {
      const begun = performance.now();
      const acknowledged = from.socket
        .timeout(PATIENCE_MS)
        .emitWithAck("message_sent", { chat_partner_id: to.id, message: "as on any day" })
        .then((/** @type {{ failure?: string }} */ { failure }) => {
          if (failure) return waits.failures.push(failure);
          stored += 1;
          waits.acknowledgements.push(performance.now() - begun);
        })
        .catch((/** @type {Error} */ error) => waits.failures.push(`a message: ${error.message}`));
      asked.push(acknowledged);
      await pause(MESSAGE_EVERY_MS);
    }
    await Promise.all(asked);
    // The last acknowledgements may come before what they are for has reached the other.
    for (const ends = Date.now() + PATIENCE_MS; delivered < stored && Date.now() < ends; ) await pause(10);
    waits.deliveries += delivered;
    to.socket.off("message_received_from_another_chat", count);
  }

  /** @param {() => boolean} isOver @param {Waits} waits */
  async #load(isOver, waits) {
    const [{ address, cookie }] = this.#pair;
    const agent = new Agent({ keepAlive: true });
    for (let turn = 0; !isOver(); turn += 1) {
      const begun = performance.now();
      const path = turn % 2 ? "/chats" : "/account";
      try {
        const { status } = await visit(this.#server, path, { address, agent, cookie });
        if (status === 200) waits.pages.push(performance.now() - begun);
        else waits.failures.push(`${path} was answered with ${status}`);
      } catch (error) {
        waits.failures.push(`${path}: ${error}`);
      }
      await pause(PAGE_EVERY_MS);
    }
    agent.destroy();
  }

  /** @param {Waits} waits */
  async #logIn(waits) {
    const begun = performance.now();
    const { username, address } = this.#newcomer;
    try {
      await logIn(this.#server, username, address);
      waits.logins.push(performance.now() - begun);
    } catch (error) {
      waits.failures.push(`a login: ${error}`);
    }
  }
}
