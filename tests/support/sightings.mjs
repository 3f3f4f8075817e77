// How often a text was in view at each moment: what blinks or is doubled for a moment is seen by nothing else.

/** @import { Page } from "playwright-core" */

/** Counts from now on, after every change of the page, how many messages show that text. @param {Page} page @param {string} text */
export async function watchText(page, text) {
  await page.evaluate((text) => {
    const history = /** @type {Element} */ (document.querySelector("#message-history"));
    const count = () => [...history.querySelectorAll(".message-text")].filter((shown) => shown.textContent === text).length;
    const counts = [count()];
    new MutationObserver(() => {
      const now = count();
      if (now !== counts.at(-1)) counts.push(now);
    }).observe(history, { subtree: true, childList: true, characterData: true });
    Object.assign(window, { counts });
  }, text);
}

/** How many messages have shown the text that is watched: each count, as they followed on one another. @param {Page} page @returns {Promise<number[]>} */
export function countsOf(page) {
  return page.evaluate("counts");
}
