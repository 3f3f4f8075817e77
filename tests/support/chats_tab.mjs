// A tab that shows the page of chats: what can be seen and done there, by the hooks that our pages
// and a deployment's have in common.

/** @import { Page } from "playwright-core" */

/** A tab with our client. */
export class ChatsTab {
  /** What a chat in the list is. @type {"link" | "button"} */
  chatRole = "link";

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.history = page.locator("#message-history");
    this.box = page.locator("#message");
    /** Whose chat is open. */
    this.partnerName = page.locator(".partner-name");
    this.separator = page.locator(".new-message-separator");
    /** Stored messages, of both, in the order shown. */
    const stored = ":not(.unsent-messages > *)";
    this.messages = page.locator(`#message-history :is(.my-message, .chat-partner-message)${stored}`);
    this.mine = page.locator(`#message-history .my-message${stored}`);
    this.theirs = page.locator("#message-history .chat-partner-message");
    /** Own messages that the server refused. */
    this.failed = page.locator(".message-failed");
    /** Own messages that have not left yet. */
    this.waiting = page.locator(".message-waiting");
    /** Own messages that may be stored. */
    this.unconfirmed = page.locator(".message-unconfirmed");
    /** All own messages that are not known to be stored. */
    this.unsent = page.locator(".unsent-messages > *");
    this.banner = page.locator("#connection-banner");
  }

  /** @param {string} username */
  chat(username) {
    // On a narrow page the list is hidden while a chat is open.
    const named = this.page.getByRole(this.chatRole, { name: username, exact: true, includeHidden: true });
    return this.page.locator(".chats > .chat").filter({ has: named });
  }

  /** What opens the chat with that person. @param {string} username */
  choose(username) {
    return this.chat(username).locator("> :is(a, button)");
  }

  /** Opens the chat with that person. @param {string} username */
  async open(username) {
    await this.choose(username).click();
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
    await this.page.locator("input[name=username]").fill(username);
    await this.page.getByRole("button", { name: "Search" }).click();
    const found = this.page.locator("#names tr").filter({
      has: this.page.getByRole("cell", { name: username, exact: true }),
    });
    await found.getByRole("button", { name: "Start chat" }).click();
    await this.page.waitForURL("/chats");
  }

  /** Waits until the page is connected and has brought its list up to date. */
  async online() {
    await this.page.locator(".chat-page[data-connection=up]").waitFor();
  }

  /** Waits until the messages of the open chat are there. */
  async loaded() {
    await this.page.locator("#message-history[data-loaded]").waitFor();
  }

  /** Opens the page anew, as after a long absence. */
  async reload() {
    await this.page.reload();
  }

  /** Opens the page anew, and that chat. @param {string} username */
  async reopen(username) {
    await this.reload();
    await this.open(username);
  }

  /** Waits until a stored message says that. @param {string} text @param {"mine" | "theirs"} whose */
  async shows(text, whose) {
    await this[whose].filter({ hasText: text }).waitFor();
  }

  /** The texts of the stored messages, as shown from top to bottom. */
  texts() {
    return this.messages.locator(":has(+ .message-date)").allTextContents();
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
    return this.page.locator(".chats > .chat > :is(a, button)").allTextContents();
  }
}

/** A tab with the original's client, or one in its manner. */
export class OriginalTab extends ChatsTab {
  /** @override @type {"link" | "button"} */
  chatRole = "button";

  /** @param {Page} page */
  constructor(page) {
    super(page);
    this.partnerName = page.locator("#right-panel-top");
  }

  /** Enter does not send there. @param {string} text @override */
  async send(text) {
    await this.box.fill(text);
    await this.page.locator("#btn-send-message").click();
  }

  /** @override */
  async online() {
    await this.page.waitForFunction("socket.connected");
  }
}
