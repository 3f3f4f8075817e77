// Lighthouse, on tabs that Playwright has led somewhere: both speak to one Chromium.

import { once } from "node:events";
import { createServer } from "node:net";
import { snapshot } from "lighthouse";
import puppeteer from "puppeteer-core";

import { launch } from "./browser.mjs";

/** @import { Browser, Page } from "playwright-core" */

const SETTINGS = {
  extends: "lighthouse:default",
  settings: {
    onlyCategories: ["accessibility"],
    formFactor: /** @type {const} */ ("desktop"),
    // As the tab is already.
    screenEmulation: { disabled: true },
    // For a report that nobody reads.
    disableFullPageScreenshot: true,
  },
};

export class Lighthouse {
  #puppeteer;

  /** @param {Browser} browser @param {import("puppeteer-core").Browser} connected to the same browser */
  constructor(browser, connected) {
    this.browser = browser;
    this.#puppeteer = connected;
  }

  static async launch() {
    const port = await freePort();
    const browser = await launch([`--remote-debugging-port=${port}`]);
    const connected = await puppeteer.connect({ browserURL: `http://127.0.0.1:${port}`, defaultViewport: null });
    return new Lighthouse(browser, connected);
  }

  /**
   * The score of a tab as it is now, of at most 100, and what it lacks to that. No other tab may have its
   * address.
   * @param {Page} page
   */
  async accessibility(page) {
    const target = await this.#puppeteer.waitForTarget((each) => each.type() === "page" && each.url() === page.url());
    const tab = await target.page();
    if (!tab) throw new Error(`no tab shows ${page.url()}`);
    const result = await snapshot(tab, { config: SETTINGS, flags: { logLevel: "silent" } });
    if (!result) throw new Error("Lighthouse has said nothing");
    const { categories, audits } = result.lhr;
    const failed = Object.values(audits).filter(({ score }) => score !== null && score < 1);
    return { score: (categories.accessibility.score ?? 0) * 100, failed: failed.map(({ id }) => id) };
  }

  async close() {
    await this.#puppeteer.disconnect();
    await this.browser.close();
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("there is no free port");
  return address.port;
}
