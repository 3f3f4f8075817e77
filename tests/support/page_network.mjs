// The network of one tab alone: what Playwright cuts is that of all tabs of a browser, and tabs that share what the
// browser keeps must have one address, so that a proxy for each will not do.

// The pages use long-polling: requests can be made to fail, as where there is no network, and WebSockets can not.

/** @import { Page } from "playwright-core" */

export class PageNetwork {
  #isCut = false;
  /** What ends the requests that are under way. @type {Set<() => void>} */
  #requests = new Set();
  /** What the page has sent as messages, in order; what was sent again, too. @type {{ client_id: string, text: string }[]} */
  sent = [];

  /** To be called before the page is opened. @param {Page} page */
  static async of(page) {
    const network = new PageNetwork();
    await page.addInitScript(() => {
      const failing = class {
        /** @type {((event: object) => void) | undefined} */
        onerror;
        close() {}
        constructor() {
          queueMicrotask(() => this.onerror?.({}));
        }
      };
      Object.assign(window, { WebSocket: failing });
    });
    await page.route("**/socket.io/**", async (route) => {
      network.#note(route.request().postData() ?? "");
      /** @type {() => void} */
      let end = () => {};
      /** @type {Promise<null>} */
      const cut = new Promise((resolve) => (end = () => resolve(null)));
      network.#requests.add(end);
      const response = network.#isCut ? null : await Promise.race([route.fetch().catch(() => null), cut]);
      network.#requests.delete(end);
      // The page may have been closed.
      await (response ? route.fulfill({ response }) : route.abort("internetdisconnected")).catch(() => {});
    });
    return network;
  }

  /** Ends every request to the chat's sockets, and lets none begin. */
  cut() {
    this.#isCut = true;
    for (const end of this.#requests) end();
  }

  restore() {
    this.#isCut = false;
  }

  /** @param {string} packets */
  #note(packets) {
    if (this.#isCut) return;
    for (const [, message] of packets.matchAll(/\["send_message",(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})/g)) {
      this.sent.push(JSON.parse(message));
    }
  }
}
