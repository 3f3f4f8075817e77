// People in browsers of their own, on one running server, and what they can see and do.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

import { addChat, idOf, logIn, register, startServer } from "./server.mjs";

/** @import { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core" */
/** @import { Server } from "./server.mjs" */

/** How long a page may take to show what is waited for. */
const PATIENCE_MS = 15_000;

/** What a browser complains of while the server is away. */
export const OUTAGE = /ERR_CONNECTION_|ERR_EMPTY_RESPONSE|ERR_INTERNET_DISCONNECTED|WebSocket connection to/;

export function launch() {
  return chromium.launch({
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
  });
}

/**
 * Runs a test on a server of its own, and then checks that no page complained or asked another
 * host for anything.
 * @param {Browser} browser
 * @param {{ database?: string, complaints?: RegExp, args?: string[], cdn?: string }} options
 *   `complaints`: those that the test brings about; `cdn`: the one other host that pages may ask
 * @param {(chat: Chat) => Promise<void>} test
 */
export async function withChat(browser, { database, complaints, args, cdn }, test) {
  const server = await startServer({ database, args });
  const chat = new Chat(browser, server, complaints, cdn);
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

/** A running server and the people on it. */
export class Chat {
  #browser;
  #complaints;
  #cdn;
  /** @type {BrowserContext[]} */
  #contexts = [];
  /** What the pages complained of. @type {string[]} */
  faults = [];

  /** @param {Browser} browser @param {Server} server @param {RegExp} [complaints] @param {string} [cdn] */
  constructor(browser, server, complaints, cdn) {
    this.#browser = browser;
    this.server = server;
    this.#complaints = complaints;
    this.#cdn = cdn;
  }

  /**
   * A visitor with a browser of their own, who is not logged in.
   * @param {BrowserContextOptions} [options]
   */
  async visitor(options) {
    const context = await this.#browser.newContext({ baseURL: this.server.url, ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    this.#contexts.push(context);
    const home = options?.baseURL ?? this.server.url;
    context.on("request", (request) => this.#checkHost(request.url(), home));
    context.on("page", (page) => page.on("websocket", (socket) => this.#checkHost(socket.url(), home)));
    context.on("console", (message) => {
      if (message.type() !== "error" && message.type() !== "warning") return;
      if (this.#complaints?.test(message.text()) || LEFT_WHILE_CONNECTING.test(message.text())) return;
      this.faults.push(`${message.text()} (${message.location().url})`);
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
    return new Person(context);
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
    if (host !== new URL(home).host && host !== this.#cdn) {
      this.faults.push(`asked another host: ${url}`);
    }
  }

  async close() {
    await Promise.all(this.#contexts.map((context) => context.close()));
  }
}

/** Somebody's browser. */
export class Person {
  /** @param {BrowserContext} context */
  constructor(context) {
    this.context = context;
  }

  /** Opens the page of chats in a tab of its own. */
  async chats() {
    const page = await this.context.newPage();
    await page.goto("/chats");
    return new ChatsTab(page);
  }
}

/** A tab that shows the page of chats. */
export class ChatsTab {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.history = page.locator("#message-history");
    this.box = page.locator("#message");
    this.separator = page.locator(".new-message-separator");
    /** Stored messages, of both, in the order shown. */
    this.messages = page.locator("#message-history > :is(.my-message, .chat-partner-message)");
    this.mine = page.locator("#message-history > .my-message");
    this.theirs = page.locator("#message-history > .chat-partner-message");
    this.failed = page.locator(".message-failed");
    this.banner = page.locator("#connection-banner");
  }

  /** @param {string} username */
  chat(username) {
    // On a narrow page the list is hidden while a chat is open.
    const named = this.page.getByRole("button", { name: username, exact: true, includeHidden: true });
    return this.page.locator(".chats > .chat").filter({ has: named });
  }

  /** Opens the chat with that person. @param {string} username */
  async open(username) {
    await this.chat(username).locator("button").click();
    await this.box.waitFor();
  }

  /** @param {string} text */
  async send(text) {
    await this.box.fill(text);
    await this.box.press("Enter");
  }

  /** Opens a chat by way of the find page. @param {string} username */
  async startChat(username) {
    await this.page.goto("/find");
    await this.page.getByLabel("Username").fill(username);
    await this.page.getByRole("button", { name: "Search" }).click();
    const found = this.page.getByRole("row").filter({
      has: this.page.getByRole("cell", { name: username, exact: true }),
    });
    await found.getByRole("button", { name: "Start chat" }).click();
    await this.page.waitForURL("/chats");
  }

  /** Waits until the page is connected and has brought its list up to date. */
  async online() {
    await this.page.locator(".chat-page[data-connection=up]").waitFor();
  }

  /** Opens the page anew, as after a long absence. */
  async reload() {
    await this.page.reload();
  }

  /** Waits until a stored message says that. @param {string} text @param {"mine" | "theirs"} whose */
  async shows(text, whose) {
    await this[whose].filter({ hasText: text }).waitFor();
  }

  /** The texts of the stored messages, as shown from top to bottom. */
  texts() {
    return this.messages.locator(".message-text").allTextContents();
  }

  /** Waits until the list says that many new messages. @param {string} username @param {number} count */
  async counts(username, count) {
    const dot = this.chat(username).locator(`> span.${count > 0 ? "dot" : "dot-none"}`);
    await dot.filter({ hasText: new RegExp(`^${count}$`) }).waitFor({ state: "attached" });
  }

  /**
   * Brings the page to the front or hides it, as far as the page can tell.
   * @param {"hidden" | "visible"} state
   */
  look(state) {
    return this.page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  }

  /** The names in the list, from top to bottom. */
  names() {
    return this.page.locator(".chats > .chat > button").allTextContents();
  }
}
