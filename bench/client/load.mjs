// How long our page takes over a slow link until it is of use, with nothing cached and with everything.

import { io } from "socket.io-client";

import { launch } from "../../tests/support/browser.mjs";
import { SlowLink } from "../../tests/support/slow_link.mjs";
import { asked, cookieOf, report } from "./figures.mjs";

/** @import { BrowserContext, Page } from "playwright-core" */

/**
 * `cookie`: the reader's; `partner`: whose chat is opened, its messages ending with `newest`; `writer`: somebody
 * else, who writes to the reader, as `readerId`.
 * @typedef {{ url: string, rounds: number, cookie: string, partner: string, newest: string,
 *   writer: { cookie: string, name: string }, readerId: number }} Question
 */
/**
 * When something was to be seen, in milliseconds since the page was asked for.
 * @typedef {{ list?: number, interactive?: number, messages?: number }} Marks
 */

const SPEED = { roundTripMs: 400, bitsPerSecond: 400_000 };
const PATIENCE_MS = 60_000;
/** Longer than two round trips, after which nothing is on its way that will be answered. */
const QUIET_MS = 1000;
/** How soon an impatient reader clicks again. A browser slows down a page that navigates much more often. */
const CLICK_MS = 100;
const WRITTEN = "A message of some fifty characters, as many are.";

const question = /** @type {Question} */ (asked());
const browser = await launch();
const link = await SlowLink.start(Number(new URL(question.url).port), SPEED);
try {
  for (let round = 0; round < question.rounds; round++) await measure();
} finally {
  link.close();
  await browser.close();
}

async function measure() {
  const context = await browser.newContext({ baseURL: link.url });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addCookies([{ ...cookieOf(question.cookie), url: link.url }]);
  await context.addInitScript(watch, { partner: question.partner, newest: question.newest, clickMs: CLICK_MS });
  const first = await visit(context, "first visit");
  report("first visit: responses that the list waits for", "requests", await first.evaluate(blockingCount));
  await hear(first);
  await first.close();
  await link.quiet(QUIET_MS);
  const again = await visit(context, "again");
  await again.close();
  await link.quiet(QUIET_MS);
  link.cut();
  await visit(context, "again, connecting anew");
  await context.close();
  await link.quiet(QUIET_MS);
}

/** Opens the page in a new tab, and reports how that went. @param {BrowserContext} context @param {string} name */
async function visit(context, name) {
  const page = await context.newPage();
  link.forget();
  await page.goto("/chats", { waitUntil: "commit" });
  // Rarely looked at, so that looking costs the page little.
  const messages = () => Reflect.get(globalThis, "marks")?.messages;
  const hasCome = await page.waitForFunction(messages, undefined, { polling: 200 }).then(() => true, () => false);
  const marks = /** @type {Marks} */ (await page.evaluate(() => Reflect.get(globalThis, "marks")));
  if (!hasCome) throw new Error(`"${question.newest}" is not in view; what came: ${JSON.stringify(marks)}`);
  const response = await page.evaluate(responseEnd);
  await link.quiet(QUIET_MS);
  const seconds = { "page received": response, "list readable": marks.list, interactive: marks.interactive };
  for (const [what, ms] of Object.entries({ ...seconds, "messages readable": marks.messages })) {
    report(`${name}: ${what}`, "s", (ms ?? NaN) / 1000);
  }
  report(`${name}: requests`, "requests", link.requests.length);
  report(`${name}: received`, "kB", link.bytesDown / 1000);
  report(`${name}: sent`, "kB", link.bytesUp / 1000);
  return page;
}

/** Lets a message come into another chat than the open one. @param {Page} page */
async function hear(page) {
  const { name, cookie } = question.writer;
  const row = page.locator(".chats > .chat").filter({ hasText: name });
  const count = row.locator(":is(.dot, .dot-none)");
  const before = await count.textContent();
  link.forget();
  const socket = io(question.url, { transports: ["websocket"], forceNew: true, extraHeaders: { cookie } });
  socket.emit("message_sent", { chat_partner_id: question.readerId, message: WRITTEN });
  await row.locator(":is(.dot, .dot-none)", { hasNotText: before ?? "" }).waitFor({ state: "attached" });
  await link.quiet(QUIET_MS);
  socket.close();
  report("a message to a chat that is not open: requests", "requests", link.requests.length);
  report("a message to a chat that is not open", "kB", (link.bytesDown + link.bytesUp) / 1000);
}

/**
 * Runs in the page from its beginning: clicks on the chat as soon as it is in the list, and again until it opens,
 * as an impatient reader would. Nothing is drawn, and this does not look, while style sheets are missing.
 * @param {{ partner: string, newest: string, clickMs: number }} question
 */
function watch({ partner, newest, clickMs }) {
  let clickedAt = -Infinity;
  /** @type {Marks} */
  const marks = {};
  Object.assign(globalThis, { marks });
  /** @param {string} selector @param {string} text */
  const shown = (selector, text) => {
    const elements = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(selector));
    return [...elements].find((element) => {
      const { top, height } = element.getBoundingClientRect();
      return height > 0 && top < innerHeight && element.textContent?.includes(text);
    });
  };
  const look = () => {
    const chat = shown(".chats > .chat :is(a, button)", partner);
    if (chat) marks.list ??= performance.now();
    if (shown(".partner-name", partner)) marks.interactive ??= performance.now();
    else if (chat && performance.now() - clickedAt >= clickMs) {
      chat.click();
      clickedAt = performance.now();
    }
    if (shown("#message-history :is(.my-message, .chat-partner-message)", newest)) {
      marks.messages ??= performance.now();
    } else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Runs in the page. */
function responseEnd() {
  const [navigation] = performance.getEntriesByType("navigation");
  return /** @type {PerformanceNavigationTiming} */ (navigation).responseEnd;
}

/** Runs in the page: the page itself, and what it cannot be drawn without. */
function blockingCount() {
  const resources = /** @type {(PerformanceResourceTiming & { renderBlockingStatus: string })[]} */ (
    performance.getEntriesByType("resource")
  );
  return 1 + resources.filter(({ renderBlockingStatus }) => renderBlockingStatus === "blocking").length;
}
