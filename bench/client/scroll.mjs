// How smoothly a long conversation scrolls, beside an empty page that scrolls as far.

import { launch } from "../../tests/support/browser.mjs";
import { asked, cookieOf, report } from "./figures.mjs";

/** @import { BrowserContext, CDPSession, Page } from "playwright-core" */

/**
 * `cookie`: the reader's; `long`: with whom the conversation from `oldest` to `newest` is; `empty`: with whom there
 * is none.
 * @typedef {{ url: string, rounds: number, cookie: string, long: string, oldest: string, newest: string,
 *   empty: string }} Question
 */
/** The lengths of frames and what they took, in milliseconds. @typedef {{ frames: number[], taskMs: number }} Scrolled */

/** As fast as a wheel turns, and as a scroll bar is drawn: a view a frame. */
const STEPS = { wheel: { pixels: 100, framesMax: 600 }, "scroll bar": { pixels: 700, framesMax: 1200 } };
const LOADING_MAX_MS = 600_000;

const question = /** @type {Question} */ (asked());
const browser = await launch();
try {
  for (let round = 0; round < question.rounds; round++) await measure();
} finally {
  await browser.close();
}

async function measure() {
  const context = await browser.newContext({ baseURL: question.url });
  context.setDefaultTimeout(LOADING_MAX_MS);
  await context.addCookies([{ ...cookieOf(question.cookie), url: question.url }]);

  const long = await open(context, question.long);
  await long.locator("#message-history").getByText(question.newest).waitFor();
  report("until all messages are there", "s", (await long.evaluate(loadAll, question.oldest)) / 1000);
  const height = await long.locator("#message-history").evaluate((history) => history.scrollHeight);
  const scrolled = await scrollAll(long);
  await long.close();

  const empty = await open(context, question.empty);
  await empty.evaluate(fill, height);
  const scrolledEmpty = await scrollAll(empty);
  await context.close();

  for (const name of Object.keys(STEPS)) {
    const [figures, ofEmpty] = [figuresOf(scrolled[name]), figuresOf(scrolledEmpty[name])];
    for (const [what, value] of Object.entries(figures)) {
      report(`${name}: ${what}`, "ms", value);
      report(`${name}: ${what}, empty page`, "ms", ofEmpty[what]);
    }
    report(`${name}: longest frame over the empty page's`, "ratio", figures["longest frame"] / ofEmpty["longest frame"]);
  }
}

/** The page of chats in a new tab, with that chat open. @param {BrowserContext} context @param {string} partner */
async function open(context, partner) {
  const page = await context.newPage();
  await page.goto("/chats");
  await page.locator(".chat-page[data-connection=up]").waitFor();
  await page.locator(".chats > .chat :is(a, button)", { hasText: partner }).click();
  await page.locator("#message-history").waitFor();
  return page;
}

/** Scrolls down from the top in each of the ways. @param {Page} page */
async function scrollAll(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Performance.enable");
  /** @type {Record<string, Scrolled>} */
  const all = {};
  for (const [name, step] of Object.entries(STEPS)) {
    const before = await taskMs(cdp);
    const frames = await page.evaluate(scroll, step);
    all[name] = { frames, taskMs: (await taskMs(cdp)) - before };
  }
  return all;
}

/** How long the page's main thread has been busy. @param {CDPSession} cdp */
async function taskMs(cdp) {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? NaN) * 1000;
}

/** @param {Scrolled} scrolled @returns {Record<string, number>} */
function figuresOf({ frames, taskMs }) {
  const sum = frames.reduce((sum, ms) => sum + ms, 0);
  return {
    // Timestamps of frames are a tenth of a millisecond off now and then.
    "longest frame": Math.round(Math.max(...frames)),
    "mean frame": sum / frames.length,
    "main thread, a frame": taskMs / frames.length,
  };
}

/**
 * Runs in the page: scrolls up until the oldest message has come; gives how long that took.
 * @param {string} oldest
 */
async function loadAll(oldest) {
  const history = /** @type {HTMLElement} */ (document.querySelector("#message-history"));
  const began = performance.now();
  const first = () => history.querySelector(":is(.my-message, .chat-partner-message)")?.textContent;
  while (!first()?.includes(oldest)) {
    history.scrollTop = 0;
    await new Promise(requestAnimationFrame);
  }
  return performance.now() - began;
}

/** Runs in the page: makes the empty conversation as high. @param {number} height in CSS pixels */
function fill(height) {
  const filling = document.createElement("div");
  filling.style.height = `${height}px`;
  filling.style.flexShrink = "0";
  document.querySelector("#message-history")?.prepend(filling);
}

/**
 * Runs in the page: scrolls down from the top, perhaps to the end; gives the lengths of the frames in milliseconds.
 * @param {{ pixels: number, framesMax: number }} step
 */
async function scroll({ pixels, framesMax }) {
  const history = /** @type {HTMLElement} */ (document.querySelector("#message-history"));
  const frame = () => /** @type {Promise<number>} */ (new Promise(requestAnimationFrame));
  history.scrollTop = 0;
  // What going to the top has begun is not part of it.
  for (let rest = 0; rest < 60; rest++) await frame();
  const lengths = [];
  const isAtEnd = () => history.scrollTop + history.clientHeight >= history.scrollHeight - 1;
  for (let last = await frame(); lengths.length < framesMax && !isAtEnd(); ) {
    history.scrollTop += pixels;
    const now = await frame();
    lengths.push(now - last);
    last = now;
  }
  return lengths;
}
