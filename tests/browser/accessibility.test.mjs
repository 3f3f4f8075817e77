// Our pages are for everybody: for eyes that need large text or few colours, for the ear, and for the
// keyboard alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import axe from "axe-core";

import { launch, withChat } from "../support/browser.mjs";
import { ChatsTab } from "../support/chats_tab.mjs";
import { focused, illegible, reachable, withoutShape } from "../support/legibility.mjs";
import { Lighthouse } from "../support/lighthouse.mjs";
import { inEveryState, online } from "../support/states.mjs";

/** @import { Page } from "playwright-core" */

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const bounded = { timeout: 180_000 };
const WIDTHS = [320, 390, 1280];
const SCHEMES = /** @type {const} */ (["light", "dark"]);
/** The states in which a page has most of what it can have: Lighthouse takes its time. */
const PAGES = [
  ...["the login", "the registration", "the apology", "a new password", "the first page"],
  ...["people who were found", "the account", "the list of chats", "an open chat", "the question before a block"],
];
const PHONE = { viewport: { width: 390, height: 800 }, hasTouch: true };

test("axe finds no fault in any state of our pages, on any width and in either scheme", bounded, async () => {
  /** @type {string[]} */
  const faults = [];
  // Without motion, or a colour would be measured on its way to another.
  await inEveryState(browser, { options: { reducedMotion: "reduce" } }, async (page, name) => {
    await page.evaluate(axe.source);
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        for (const fault of await violations(page)) faults.push(`${name}, ${width} px, ${colorScheme}: ${fault}`);
      }
    }
  });
  assert.equal(faults.join("\n"), "");
});

test("Lighthouse gives each of our pages 100 of 100", bounded, async () => {
  const lighthouse = await Lighthouse.launch();
  /** @type {string[]} */
  const faults = [];
  try {
    await inEveryState(lighthouse.browser, { options: { reducedMotion: "reduce" }, names: PAGES }, async (page, name) => {
      const { score, failed } = await lighthouse.accessibility(page);
      if (score !== 100) faults.push(`${name}: ${score}, for ${failed.join(", ")}`);
    });
  } finally {
    await lighthouse.close();
  }
  assert.equal(faults.join("\n"), "");
});

test("text is neither cut off nor covered, and no page is too wide, also in text of twice the size", bounded, async () => {
  /** @type {string[]} */
  const faults = [];
  await inEveryState(browser, {}, async (page, name) => {
    for (const size of [16, 32]) {
      await setTextSize(page, size);
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 700 });
        for (const fault of await page.evaluate(illegible)) faults.push(`${name}, ${width} px, text of ${size} px: ${fault}`);
      }
    }
  });
  assert.equal(faults.join("\n"), "");
});

test("forced colours leave every control and every message its shape", bounded, async () => {
  /** @type {string[]} */
  const faults = [];
  await inEveryState(browser, { options: { forcedColors: "active" } }, async (page, name) => {
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme, forcedColors: "active" });
      for (const fault of await page.evaluate(withoutShape)) faults.push(`${name}, ${colorScheme}: ${fault}`);
    }
  });
  assert.equal(faults.join("\n"), "");
});

test("the tab key reaches every control, and the eye sees which", bounded, async () => {
  /** @type {string[]} */
  const faults = [];
  await inEveryState(browser, {}, async (page, name) => {
    const wanted = await page.evaluate(reachable);
    // From wherever the page has put the focus, once around.
    const stops = new Set();
    let [isLost, presses] = [0, 0];
    for (; presses <= wanted + 2 && isLost < 2; presses += 1) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate(focused);
      if (!stop) isLost += 1;
      else stops.add(stop.place);
      if (stop && !stop.isSeen) faults.push(`${name}: ${stop.what} has the focus, and nobody sees it`);
    }
    if (stops.size !== wanted) faults.push(`${name}: ${stops.size} of ${wanted} controls are reached`);
  });
  assert.equal(faults.join("\n"), "");
});

for (const [device, options] of /** @type {const} */ ([["a wide page", undefined], ["a phone", PHONE]])) {
  test(`the focus is never lost when chats and questions open and close, on ${device}`, bounded, () =>
    withChat(browser, {}, async (chat) => {
      const [ann] = await chat.friends("ann", "bob", options);
      const tab = await online(await ann.context.newPage());
      const { page } = tab;
      const { keyboard } = page;
      /** @param {import("playwright-core").Locator} locator */
      const holds = (locator) => locator.and(page.locator(":focus")).waitFor();
      const row = tab.choose("bob");
      // The box would bring up a keyboard, which covers half of what there is to read.
      const inside = options ? tab.history : tab.box;

      await row.focus();
      await keyboard.press("Enter");
      await holds(inside);
      await keyboard.press("Escape");
      await holds(row);
      await keyboard.press("Enter");
      await holds(inside);

      const block = page.getByRole("button", { name: "Block", exact: true });
      const question = page.getByRole("dialog");
      await block.focus();
      await keyboard.press("Enter");
      await holds(question.getByRole("button", { name: "Cancel" }));
      await keyboard.press("Enter");
      await holds(block);
      await keyboard.press("Enter");
      await question.getByRole("button", { name: "Block", exact: true }).focus();
      await keyboard.press("Enter");
      await holds(page.getByRole("button", { name: "Unblock" }));
      await keyboard.press("Enter");
      await holds(tab.box.or(tab.history));
      if (options) {
        await page.getByRole("button", { name: "Back to the chats" }).focus();
        await keyboard.press("Enter");
        await holds(row);
      }
    }));
}

test("names of all scripts begin where the others do", bounded, () =>
  withChat(browser, {}, async (chat) => {
    const [ann] = await chat.friends("ann", "سلمى");
    await chat.friends("bob", "cyd");
    const page = await ann.context.newPage();
    await new ChatsTab(page).startChat("bob");
    const tab = await online(page);
    const starts = await tab.page.locator(".chats > .chat > a").evaluateAll((names) =>
      names.map((name) => {
        const range = document.createRange();
        range.selectNodeContents(name);
        return Math.round(range.getBoundingClientRect().left);
      }),
    );
    assert.equal(starts.length, 2);
    assert.equal(starts[0], starts[1]);
  }));

/** What somebody sets in the browser; the usual size is 16. @param {Page} page @param {number} size in pixels */
async function setTextSize(page, size) {
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setFontSizes", { fontSizes: { standard: size, fixed: size } });
  await session.detach();
}

/** What axe, which is in the page already, finds wrong there. @param {Page} page */
async function violations(page) {
  const found = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run({ preload: false, rules: { "target-size": { enabled: true } } });
    return violations;
  });
  return /** @type {import("axe-core").Result[]} */ (found).map(({ id, nodes }) => {
    const [{ failureSummary = "" }] = nodes;
    return `${id} at ${nodes.map(({ target }) => target).join(", ")}: ${failureSummary.replace(/\s+/g, " ")}`;
  });
}
