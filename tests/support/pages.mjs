// The pages on which the browser suite runs: our own, and a deployment's, as they were written for
// Flask, with a client script in the manner of the original's.

import { ChatsTab, OriginalTab } from "./chats_tab.mjs";
import { DEPLOYMENT, MODULES } from "./server.mjs";

/** @import { BrowserContext } from "playwright-core" */

/**
 * @typedef {object} Pages
 * @property {string} name as the names of tests say it
 * @property {typeof ChatsTab} Tab
 * @property {string[]} [args] of the server
 * @property {string} [cdn] the one other host that they may ask
 * @property {number} pageSize how many older messages come at a time
 * @property {(context: BrowserContext) => Promise<void>} [prepare] what a browser needs for them
 */

/** What the deployment's pages load from the CDN, and where it lies here. */
const FROM_CDN = new Map([
  ["/bootstrap@5.3/css/bootstrap.min.css", "bootstrap/dist/css/bootstrap.min.css"],
  ["/bootstrap@5.3/js/bootstrap.bundle.min.js", "bootstrap/dist/js/bootstrap.bundle.min.js"],
  ["/socket.io/4.5.3/socket.io.min.js", "socket.io-client-4.5/dist/socket.io.min.js"],
]);

/** @type {Pages} */
export const OURS = { name: "our pages", Tab: ChatsTab, pageSize: 50 };

/** @type {Pages} */
export const DEPLOYED = {
  name: "a deployment's pages",
  Tab: OriginalTab,
  pageSize: 10,
  args: ["--templates", `${DEPLOYMENT}/templates`, "--static", `${DEPLOYMENT}/static`],
  cdn: "cdn.example",
  prepare: (context) =>
    context.route(`https://${DEPLOYED.cdn}/**`, (route) => {
      const file = FROM_CDN.get(new URL(route.request().url()).pathname);
      return file ? route.fulfill({ path: `${MODULES}/${file}` }) : route.fulfill({ status: 404 });
    }).then(() => {}),
};

/** For what the original promises: it holds on both. */
export const BOTH = [OURS, DEPLOYED];
