import assert from "node:assert/strict";
import { test } from "node:test";

import { VERSIONS, partners } from "../support/client.mjs";
import { startFront } from "./front.mjs";
import { ask, delivers, keepsPromises } from "./promises.mjs";

const bounded = { timeout: 60_000 };

keepsPromises("nginx");

test("nginx that passes no WebSocket on: each client goes on over polling when its upgrade has failed", bounded, async () => {
  const front = await startFront("nginx", "bare");
  try {
    await Promise.all(VERSIONS.map(async (version) => {
      const { ann, ben } = await partners(front.asServer);
      const tabs = [await ann.connect({ version, transport: "upgrading" }), await ben.connect({ version, transport: "upgrading" })];
      await Promise.all(tabs.map((tab) => tab.upgradeFailed()));
      for (let number = 0; number < 3; number += 1) await delivers(front, tabs[0], tabs[1], ben);
      for (const tab of tabs) {
        assert.equal(tab.transport, "polling");
        tab.close();
      }
    }));
  } finally {
    await front.remove();
  }
});

test("nginx that changes the Host, and no public URL: what a browser says of its page is enough", bounded, async () => {
  const front = await startFront("nginx", "bare", { args: [] });
  try {
    const form = "username=nobody&password=-";
    for (const [site, taken] of /** @type {const} */ ([["same-origin", true], ["cross-site", false], [undefined, false]])) {
      const word = site ? { "sec-fetch-site": site } : {};
      const headers = { origin: front.url, ...word };
      const posted = { method: "POST", headers: { ...headers, "content-type": "application/x-www-form-urlencoded" } };
      assert.equal((await ask(`${front.url}/login`, posted, form)).status, taken ? 401 : 403, `${site}`);
      const { status } = await ask(`${front.url}/socket.io/?EIO=4&transport=polling`, { headers });
      assert.equal(status, taken ? 200 : 403, `${site}`);
    }
  } finally {
    await front.remove();
  }
});
