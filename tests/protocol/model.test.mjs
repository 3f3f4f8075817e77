// The model of conversations on what a real server sends, in random order, with loss. SEED repeats a run.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";

import { Conversations } from "../../static/js/model/conversations.js";
import { newcomers } from "../support/client.mjs";
import { Random } from "../support/random.mjs";
import { startServer } from "../support/server.mjs";

/** @import { Client, Person } from "../support/client.mjs" */

const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const CHANGES = 80;
/** Small, so that a short history has several pages. */
const AT_MOST = 7;

const server = await startServer();
after(() => server.remove());

/** Asks as a client does that has just connected, until nothing is missing. @param {Client} tab @param {Conversations} model */
async function catchUp(tab, model) {
  model.connected();
  while (!model.isCaughtUp) {
    const asked = model.catchUp();
    const [answer] = await tab.ask("catch_up", asked);
    model.takeCaughtUp(answer, asked);
  }
  for (let missing = model.missing; missing.length > 0; missing = model.missing) {
    for (const asked of missing) {
      const [changes] = await tab.ask("get_changes", { ...asked, at_most: AT_MOST });
      model.takeChanges(changes, asked);
    }
  }
}

/** Reads all of the history. @param {Client} tab @param {Conversations} model */
async function readHistory(tab, model) {
  for (const partner_id of model.partnerIds) {
    while (!model.get(partner_id)?.isWhole) {
      const before_id = model.get(partner_id)?.messages[0]?.id;
      const asked = { partner_id, at_most: AT_MOST, ...(before_id ? { before_id } : {}) };
      const [page] = await tab.ask("get_history", asked);
      assert.ok(model.takeHistory(page, asked), `a page before ${before_id} was of no use`);
    }
  }
}

/** Everything that a model holds. @param {Conversations} model */
const held = (model) =>
  model.partnerIds
    .map((id) => ({ state: model.get(id)?.state, version: model.get(id)?.version, messages: model.get(id)?.messages }))
    .sort((one, other) => Number(one.state?.partner_id) - Number(other.state?.partner_id));

test("in whatever order it comes, a model holds what one holds that has just loaded", async (t) => {
  t.diagnostic(`SEED=${SEED}`);
  const random = new Random(SEED);
  const [ann, ben, cyd] = await newcomers(server, "ann", "ben", "cyd");
  await Promise.all([ann.opens(ben), cyd.opens(ann)]);
  const tabs = new Map(await Promise.all([ann, ben, cyd].map(async (person) => {
    return /** @type {const} */ ([person, await person.connect({ protocol: 2 })]);
  })));
  const tabOf = (/** @type {Person} */ person) => /** @type {Client} */ (tabs.get(person));
  const annTab = tabOf(ann);
  const model = new Conversations();
  await catchUp(annTab, model);

  // What ann's tab would have taken, to be taken later in another order.
  /** @type {(() => void)[]} */
  const arrivals = [];
  /** @type {{ id: number, sender: Person, partner: Person }[]} */
  const sent = [];
  for (let change = 0; change < CHANGES; change += 1) {
    const [sender, partner] = random.pick([[ann, ben], [ben, ann], [ann, cyd], [cyd, ann]]);
    const partner_id = partner.id;
    const deed = random.next();
    const mine = sent.filter((message) => message.sender === sender && message.partner === partner);
    if (deed < 0.5 || mine.length === 0) {
      const message = { partner_id, text: `text ${change}`, client_id: randomUUID() };
      const [{ id, failure }] = await tabOf(sender).ask("send_message", message);
      // Ben has no chat with ann before she writes.
      if (!failure) sent.push({ id, sender, partner });
      continue;
    }
    const message_id = random.pick(mine).id;
    const [event, payload] =
      deed < 0.7
        ? ["edit_message", { partner_id, message_id, text: `edit ${change}`, client_id: randomUUID() }]
        : deed < 0.8
          ? ["delete_message", { partner_id, message_id }]
          : deed < 0.9
            ? ["mark_read", { partner_id, up_to_id: message_id }]
            : ["mark_delivered", { partner_id, up_to_id: message_id }];
    const [answer] = await tabOf(sender).ask(event, payload);
    if (sender !== ann) continue;
    if (answer.message) arrivals.push(() => model.takeMessage(partner_id, answer.message));
    if (answer.conversation) arrivals.push(() => model.takeState(answer.conversation));
    // Now and then, what a tab asks for by itself.
    if (random.chance(0.2)) {
      const asked = { partner_id, at_most: AT_MOST };
      const [page] = await annTab.ask("get_history", asked);
      arrivals.push(() => model.takeHistory(page, asked));
    }
    if (random.chance(0.2)) {
      const asked = { partner_id, since: model.get(partner_id)?.version ?? 0 };
      const [changes] = await annTab.ask("get_changes", { ...asked, at_most: AT_MOST });
      arrivals.push(() => model.takeChanges(changes, asked));
    }
  }
  const changes = annTab.payloads("changed");
  assert.ok(changes.length > CHANGES / 4, `ann was told of ${changes.length} changes`);
  for (const changed of changes) arrivals.push(() => model.takeChanged(changed));
  while (arrivals.length > 0) {
    const place = random.between(0, arrivals.length - 1);
    const arrival = arrivals[place];
    if (!random.chance(0.2)) arrivals.splice(place, 1);
    if (!random.chance(0.2)) arrival();
  }

  await catchUp(annTab, model);
  await readHistory(annTab, model);
  const fresh = new Conversations();
  await catchUp(annTab, fresh);
  await readHistory(annTab, fresh);
  assert.deepEqual(held(model), held(fresh));
  assert.ok(fresh.partnerIds.length === 2 && held(fresh).every(({ messages }) => messages?.length !== 0));

  const asked = model.catchUp();
  const [{ conversations, digest }] = await annTab.ask("catch_up", asked);
  assert.deepEqual([conversations, digest], [[], asked.digest], "the server finds something new");
});
