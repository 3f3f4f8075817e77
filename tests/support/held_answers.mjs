// Stands between a page and its server, and holds the server's answers back: by itself a server that
// is near answers before anybody could do the next thing.

/** @import { BrowserContext, WebSocketRoute } from "playwright-core" */

/** A packet that asks for an acknowledgement: its number and its event. */
const QUESTION = /^42(\d+)\["([a-z_]+)"/;
/** An acknowledgement: its number. */
const ANSWER = /^43(\d+)\[/;

export class HeldAnswers {
  /** The events whose answers are held. @type {Set<string>} */
  #events = new Set();
  /** What is held, in the order in which it came. @type {{ page: WebSocketRoute, packet: string }[]} */
  #held = [];
  /** @type {Set<() => void>} */
  #checks = new Set();

  /**
   * For the pages that this context opens from now on. They use WebSockets, as where none has failed.
   * @param {BrowserContext} context
   */
  static async of(context) {
    const answers = new HeldAnswers();
    await context.routeWebSocket("**/socket.io/**", (page) => answers.#stand(page));
    return answers;
  }

  /** From now on the answers to that event are held. @param {string} event */
  hold(event) {
    this.#events.add(event);
  }

  /** Resolves when so many answers are held. @param {number} count @returns {Promise<void>} */
  holds(count) {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#held.length < count) return;
        this.#checks.delete(check);
        resolve();
      };
      this.#checks.add(check);
      check();
    });
  }

  /** Lets everything through, in that order. @param {"as they came" | "the last one first"} order */
  release(order = "as they came") {
    this.#events.clear();
    const held = this.#held.splice(0);
    if (order === "the last one first") held.reverse();
    for (const { page, packet } of held) page.send(packet);
  }

  /** @param {WebSocketRoute} page */
  #stand(page) {
    /** The events that were asked on this connection, by number. @type {Map<string, string>} */
    const asked = new Map();
    const server = page.connectToServer();
    page.onMessage((packet) => {
      const [, number, event] = QUESTION.exec(String(packet)) ?? [];
      if (number) asked.set(number, event);
      server.send(packet);
    });
    server.onMessage((packet) => {
      const [, number] = ANSWER.exec(String(packet)) ?? [];
      if (!this.#events.has(asked.get(number) ?? "")) {
        page.send(packet);
        return;
      }
      this.#held.push({ page, packet: String(packet) });
      for (const check of [...this.#checks]) check();
    });
  }
}
