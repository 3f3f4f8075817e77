// People in browsers of their own, on one running server, and what they can see and do.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

import { OURS } from "./pages.mjs";
import { addChat, idOf, logIn, register, startServer } from "./server.mjs";

/** @import { Browser, BrowserContext, BrowserContextOptions } from "playwright-core" */
/** @import { Pages } from "./pages.mjs" */
/** @import { Server } from "./server.mjs" */

/** How long a page may take to show what is waited for. */
const PATIENCE_MS = 15_000;

/** What a browser complains of while the server is away. */
export const OUTAGE = /ERR_CONNECTION_|ERR_EMPTY_RESPONSE|ERR_INTERNET_DISCONNECTED|WebSocket connection to/;

const CHROMIUM = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // A page that a test answers itself counts as public, and might not reach this machine.
    "--disable-features=LocalNetworkAccessChecks",
  ],
};

/** @param {string[]} [args] further ones for Chromium */
export function launch(args = []) {
  return chromium.launch({ ...CHROMIUM, args: [...CHROMIUM.args, ...args] });
}

/**
 * Runs a test on a server of its own, and then checks that no page complained or asked another
 * host for anything.
 * @param {Browser} browser
 * @param {{ database?: string, complaints?: RegExp, pages?: Pages, args?: string[] }} options
 *   `complaints`: those that the test brings about; `pages`: ours, if nothing is said; `args`: of the
 *   server
 * @param {(chat: Chat) => Promise<void>} test
 */
export async function withChat(browser, { database, complaints, pages = OURS, args = [] }, test) {
  const server = await startServer({ database, args: [...(pages.args ?? []), ...args] });
  const chat = new Chat(browser, server, pages, complaints);
  try {
    await test(chat);
    assert.deepEqual(chat.faults, []);
  } catch (error) {
    if (chat.faults.length > 0) console.error("the pages complained:", chat.faults);
    throw error;
  } finally {
    await chat.close();
    await server.remove();
  }
}

/** What Chromium says of a page that is left while its WebSocket is being opened: that is no fault. */
const LEFT_WHILE_CONNECTING = /WebSocket is closed before the connection is established/;
/** And of its last poll, which the server refuses when the page has said goodbye before. */
const LEFT_WHILE_POLLING = /status of 400/;

/** A running server and the people on it. */
export class Chat {
  #browser;
  #pages;
  #complaints;
  /** @type {BrowserContext[]} */
  #contexts = [];
  /** What the pages complained of. @type {string[]} */
  faults = [];

  /** @param {Browser} browser @param {Server} server @param {Pages} pages @param {RegExp} [complaints] */
  constructor(browser, server, pages, complaints) {
    this.#browser = browser;
    this.server = server;
    this.#pages = pages;
    this.#complaints = complaints;
  }

  /**
   * A visitor with a browser of their own, who is not logged in.
   * @param {BrowserContextOptions} [options]
   */
  async visitor(options) {
    const context = await this.#browser.newContext({ baseURL: this.server.url, ...options });
    return this.#watched(context, options?.baseURL ?? this.server.url);
  }

  /**
   * A visitor with a browser that keeps everything in a folder: when its context is closed, the browser has ended,
   * and the next one with that folder goes on from there.
   * @param {string} folder @param {string} [baseURL] where the server is reached, if not directly
   */
  async lastingVisitor(folder, baseURL = this.server.url) {
    const context = await chromium.launchPersistentContext(folder, { ...CHROMIUM, baseURL });
    return this.#watched(context, baseURL);
  }

  /** @param {BrowserContext} context @param {string} home */
  async #watched(context, home) {
    context.setDefaultTimeout(PATIENCE_MS);
    this.#contexts.push(context);
    await this.#pages.prepare?.(context);
    /** The pages that are being left. @type {Set<unknown>} */
    const leaving = new Set();
    context.on("request", (request) => {
      if (request.isNavigationRequest()) leaving.add(request.frame().page());
      if (request.url().startsWith(home)) this.#hideForm(request);
    });
    context.on("page", (page) => {
      page.on("domcontentloaded", () => leaving.delete(page));
      page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => this.#hideMessage(String(payload))));
    });
    context.on("request", (request) => this.#checkHost(request.url(), home));
    context.on("page", (page) => page.on("websocket", (socket) => this.#checkHost(socket.url(), home)));
    context.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      if (this.#complaints?.test(message.text()) || LEFT_WHILE_CONNECTING.test(message.text())) return;
      const { url } = message.location();
      const poll = url.includes("/socket.io/") && LEFT_WHILE_POLLING.test(message.text());
      if (poll && leaving.has(message.page())) return;
      this.faults.push(`${message.text()} (${url})`);
    });
    context.on("weberror", (error) => this.faults.push(String(error.error())));
    return context;
  }

  /**
   * A person who is logged in.
   * @param {string} username
   * @param {{ password?: string, browser?: BrowserContextOptions }} [options]
   */
  async person(username, { password, browser } = {}) {
    const cookie = await logIn(this.server, username, password);
    const context = await this.visitor(browser);
    const [name, value] = cookie.split("=");
    await context.addCookies([{ name, value, url: this.server.url }]);
    return new Person(context, this.#pages);
  }

  /**
   * Two new people who have opened a chat with each other.
   * @param {string} one
   * @param {string} other
   * @param {BrowserContextOptions} [browser] the first one's
   */
  async friends(one, other, browser) {
    await register(this.server, one);
    await register(this.server, other);
    await this.#openChat(one, other);
    await this.#openChat(other, one);
    return Promise.all([this.person(one, { browser }), this.person(other)]);
  }

  /** @param {string} username @param {string} partner */
  async #openChat(username, partner) {
    const cookie = await logIn(this.server, username);
    await addChat(this.server, cookie, await idOf(this.server, cookie, partner));
  }

  /** @param {string} url @param {string} home */
  #checkHost(url, home) {
    const { host } = new URL(url);
    if (host !== new URL(home).host && host !== this.#pages.cdn) {
      this.faults.push(`asked another host: ${url}`);
    }
  }

  /** @param {import("playwright-core").Request} request */
  #hideForm(request) {
    const isForm = request.headers()["content-type"] === "application/x-www-form-urlencoded";
    if (isForm) this.server.hidesFields(Object.fromEntries(new URLSearchParams(request.postData() ?? "")));
  }

  /** @param {string} frame */
  #hideMessage(frame) {
    const sent = /"(?:message|text)":("(?:[^"\\]|\\.)*")/.exec(frame);
    if (sent) this.server.hides(JSON.parse(sent[1]));
  }

  async close() {
    await Promise.all(this.#contexts.map((context) => context.close()));
  }
}

/** Somebody's browser. */
export class Person {
  #pages;

  /** @param {BrowserContext} context @param {Pages} pages */
  constructor(context, pages) {
    this.context = context;
    this.#pages = pages;
  }

  /** Opens the page of chats in a tab of its own. */
  async chats() {
    const page = await this.context.newPage();
    await page.goto("/chats");
    return new this.#pages.Tab(page);
  }
}
