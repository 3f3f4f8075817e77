// Protocol 2: whatever changes between two people is told to all their sockets in one way, under its version.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, describe, test } from "node:test";

import { newcomers, partners, TRANSPORTS } from "../support/client.mjs";
import { startServer } from "../support/server.mjs";

/** @typedef {import("../support/client.mjs").Client} Client */
/** @typedef {import("../support/client.mjs").Options} Options */
/** @typedef {import("../support/client.mjs").Person} Person */

const server = await startServer();
after(() => server.remove());

/** @param {Person} person @param {Options} [options] */
const connect = (person, options) => person.connect({ ...options, protocol: 2 });

/** What everything that two sockets share looks like to both. @param {Options} [options] */
async function connected(options) {
  const { ann, ben } = await partners(server);
  return { ann, ben, anns: await connect(ann, options), bens: await connect(ben, options) };
}

/** @param {Client} tab @param {string} event @param {object} payload @returns {Promise<any>} */
const ask = async (tab, event, payload) => (await tab.ask(event, payload))[0];

/** @param {Client} tab @param {Person} partner @param {string} text @param {string} [client_id] */
function send(tab, partner, text, client_id = randomUUID()) {
  partner.server.hides(text);
  return ask(tab, "send_message", { partner_id: partner.id, text, client_id });
}

/** @param {Client} tab @param {Person} partner @param {number} message_id @param {string} text @param {string} [client_id] */
function edit(tab, partner, message_id, text, client_id = randomUUID()) {
  partner.server.hides(text);
  return ask(tab, "edit_message", { partner_id: partner.id, message_id, text, client_id });
}

/** @param {Client} tab @param {Person} partner @param {number} message_id */
const erase = (tab, partner, message_id) => ask(tab, "delete_message", { partner_id: partner.id, message_id });

/** @param {Client} tab @param {number} version @returns {Promise<any>} the event that brought that version */
const changedTo = (tab, version) => tab.receives("changed", ({ conversation }) => conversation.version === version);

for (const transport of TRANSPORTS) {
  test(`every socket of both is told of every change, in the order of versions, over ${transport}`, async () => {
    const { ann, ben, anns, bens } = await connected({ transport });
    const more = [await connect(ann, { transport }), await connect(ben, { transport })];
    const first = await send(anns, ben, "the first words");
    const second = await send(bens, ann, "the second words");
    await edit(anns, ben, first.id, "the first words, mended");
    await ask(anns, "mark_read", { partner_id: ben.id, up_to_id: second.id });
    await ask(bens, "mark_delivered", { partner_id: ann.id, up_to_id: second.id });
    await erase(bens, ann, second.id);
    await ask(bens, "set_blocked", { partner_id: ann.id, blocked: true });
    const last = 2 + 7;
    for (const tab of [anns, bens, ...more]) {
      await changedTo(tab, last);
      const versions = tab.payloads("changed").map(({ after: before, conversation }) => [before, conversation.version]);
      assert.deepEqual(versions, [[2, 3], [3, 4], [4, 5], [5, 6], [6, 7], [7, 8], [8, 9]]);
      const texts = tab.payloads("changed").map(({ message }) => message?.text);
      const [one, other] = ["the first words", "the second words"];
      assert.deepEqual(texts, [one, other, `${one}, mended`, undefined, undefined, "", undefined]);
    }
  });
}

test("each of the two is told of the conversation as they see it", async () => {
  const { ann, ben, anns, bens } = await connected();
  const client_id = randomUUID();
  const { id, timestamp, duplicate, version } = await send(anns, ben, "how it looks to both", client_id);
  assert.deepEqual([duplicate, version], [false, 3]);
  const message = { id, sender_id: ann.id, text: "how it looks to both", timestamp, version };
  const marks = { last_read_id: 0, last_delivered_id: 0, partner_last_read_id: 0, partner_last_delivered_id: 0 };
  const told = await changedTo(anns, version);
  const { listed_at } = told.conversation;
  assert.ok(Math.abs(Date.now() - listed_at) < 60_000, String(listed_at));
  const state = { version, listed_at, blocked: false, ...marks };
  assert.deepEqual(told, {
    after: 2,
    conversation: { partner_id: ben.id, new_message_count: 0, ...state },
    message: { ...message, client_id },
  });
  // What the sender's client called it is the sender's alone.
  assert.deepEqual(await changedTo(bens, version), {
    after: 2,
    conversation: { partner_id: ann.id, new_message_count: 1, ...state },
    message,
  });
  await ask(bens, "mark_delivered", { partner_id: ann.id, up_to_id: id });
  const { conversation: delivered } = await changedTo(anns, version + 1);
  assert.deepEqual([delivered.partner_last_delivered_id, delivered.partner_last_read_id], [id, 0]);
  await ask(bens, "mark_read", { partner_id: ann.id, up_to_id: id });
  const { conversation: read } = await changedTo(anns, version + 2);
  assert.deepEqual([read.partner_last_delivered_id, read.partner_last_read_id], [id, id]);
  const { conversation: own } = await changedTo(bens, version + 2);
  assert.deepEqual([own.new_message_count, own.last_read_id], [0, id]);
});

test("a block is seen by the one who blocks alone", async () => {
  const { ann, ben, anns, bens } = await connected();
  const { conversation } = await ask(anns, "set_blocked", { partner_id: ben.id, blocked: true });
  assert.equal(conversation.blocked, true);
  assert.equal((await changedTo(bens, conversation.version)).conversation.blocked, false);
  const history = await ask(bens, "get_history", { partner_id: ann.id });
  assert.equal(history.conversation.blocked, false);
  assert.equal((await send(bens, ann, "is anybody there")).code, "forbidden");
});

test("a chat comes into the list with the name of the partner", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  const [anns, bens] = [await connect(ann), await connect(ben)];
  await ann.opens(ben);
  const { after: before, conversation } = await changedTo(anns, 1);
  assert.deepEqual([before, conversation.partner_id, conversation.username], [0, ben.id, ben.name]);
  const { version } = await send(anns, ben, "nice to meet you");
  const opened = await changedTo(bens, version);
  assert.deepEqual([opened.conversation.partner_id, opened.conversation.username], [ann.id, ann.name]);
  // Ben was told nothing before he was in it.
  assert.equal(bens.payloads("changed").length, 1);
});

test("a protocol that there is not is refused, and one that is not a number", async () => {
  const [ann] = await newcomers(server, "ann");
  for (const protocol of [0, 3, "2", null, {}]) {
    const asked = ann.connect({ protocol: /** @type {any} */ (protocol) });
    if (protocol === null) (await asked).close();
    else await assert.rejects(asked, /there is no such protocol; ask for 1 or 2/, String(protocol));
  }
});

test("notes to oneself are told to one's other sockets", async () => {
  const [ann] = await newcomers(server, "ann");
  await ann.opens(ann);
  const [one, other] = [await connect(ann), await connect(ann)];
  const { version, id } = await send(one, ann, "not to forget");
  for (const tab of [one, other]) {
    const { conversation, message } = await changedTo(tab, version);
    assert.deepEqual([conversation.partner_id, conversation.new_message_count, message.id], [ann.id, 0, id]);
  }
  assert.equal(one.payloads("changed").length, 1);
});

describe("what was done is answered as the first time", () => {
  test("a message, after a block", async () => {
    const { ann, ben, anns, bens } = await connected();
    const client_id = randomUUID();
    const sent = await send(anns, ben, "sent before a block", client_id);
    await ask(bens, "set_blocked", { partner_id: ann.id, blocked: true });
    const again = await send(anns, ben, "sent before a block", client_id);
    assert.deepEqual([again.id, again.duplicate], [sent.id, true]);
    assert.equal((await send(anns, ben, "sent before a block")).code, "forbidden");
    const other = await send(anns, ben, "another text under its id", client_id);
    assert.equal(other.code, "invalid");
  });

  test("an edit, after a block, a later edit and a deletion", async () => {
    const { ann, ben, anns, bens } = await connected();
    const { id } = await send(anns, ben, "before any edit");
    const client_id = randomUUID();
    await edit(anns, ben, id, "after the edit", client_id);
    await edit(anns, ben, id, "after another one");
    await ask(bens, "set_blocked", { partner_id: ann.id, blocked: true });
    const { message } = await edit(anns, ben, id, "after the edit", client_id);
    assert.equal(message.text, "after another one");
    await erase(anns, ben, id);
    const gone = await edit(anns, ben, id, "after the edit", client_id);
    assert.deepEqual([gone.message.text, typeof gone.message.deleted_at], ["", "string"]);
    assert.equal((await edit(anns, ben, id, "what was never there")).code, "forbidden");
    // Nothing was told twice.
    const versions = bens.payloads("changed").map(({ conversation }) => conversation.version);
    assert.deepEqual(versions, [3, 4, 5, 6, 7]);
  });

  test("a message and an edit, over the limit", { timeout: 30_000 }, async () => {
    const strict = await startServer({ args: ["--limit-messages", "4/h"] });
    try {
      const { ann, ben } = await partners(strict);
      const tab = await connect(ann);
      const old = await ann.connect();
      const ids = { sent: randomUUID(), edited: randomUUID(), old: randomUUID() };
      const sent = await send(tab, ben, "within the limit", ids.sent);
      await edit(tab, ben, sent.id, "edited within the limit", ids.edited);
      const first = await old.send(ben, "from an old client", ids.old);
      await send(tab, ben, "the last one");
      assert.equal((await send(tab, ben, "one too many")).code, "too_often");
      assert.equal((await edit(tab, ben, sent.id, "one too many")).code, "too_often");
      // Within two hours nothing of the limit comes back.
      const again = await send(tab, ben, "within the limit", ids.sent);
      assert.deepEqual([again.id, again.duplicate], [sent.id, true]);
      const { message } = await edit(tab, ben, sent.id, "edited within the limit", ids.edited);
      assert.equal(message.text, "edited within the limit");
      const repeated = await old.send(ben, "from an old client", ids.old);
      assert.deepEqual([repeated.id, repeated.duplicate], [first.id, true]);
    } finally {
      await strict.remove();
    }
  });
});

test("hundreds of messages at once, over the limit, cost nobody the socket", { timeout: 30_000 }, async () => {
  const strict = await startServer({ args: ["--limit-messages", "50/h"] });
  try {
    const { ann, ben } = await partners(strict);
    const tabs = [await connect(ann), await ann.connect()];
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, number) =>
        number % 2 ? send(tabs[0], ben, `many at once ${number}`) : tabs[1].send(ben, `many at once ${number}`, randomUUID()),
      ),
    );
    const refused = answers.filter(({ code }) => code === "too_often");
    assert.ok(refused.length > 300, `${refused.length} of 400 were refused`);
    const { digest } = await ask(tabs[0], "catch_up", {});
    assert.equal(digest.versions, 2 + answers.length - refused.length);
    assert.equal((await tabs[1].join(ben)).messages.length, 20);
  } finally {
    await strict.remove();
  }
});

test("only their own messages are edited and deleted, in their own chats", async () => {
  const { ann, ben, anns, bens } = await connected();
  const [eve] = await newcomers(server, "eve");
  await eve.opens(ann);
  const eves = await connect(eve);
  const { id } = await send(anns, ben, "the words of ann");
  assert.equal((await edit(bens, ann, id, "the words of ben")).code, "forbidden");
  assert.equal((await erase(bens, ann, id)).code, "forbidden");
  assert.equal((await edit(eves, ann, id, "the words of eve")).code, "not_found");
  assert.equal((await erase(eves, ann, id)).code, "not_found");
  // Named with another partner than it has.
  await ann.opens(eve);
  assert.equal((await edit(anns, eve, id, "in the wrong chat")).code, "not_found");
  assert.equal((await erase(anns, eve, id)).code, "not_found");
  const { messages } = await ask(bens, "get_history", { partner_id: ann.id });
  assert.deepEqual(messages.map((/** @type {any} */ message) => message.text), ["the words of ann"]);
});

test("a deletion wins over an edit that was sent at the same time", async () => {
  const { ben, anns, bens, ann } = await connected();
  for (let round = 0; round < 20; round += 1) {
    const { id } = await send(anns, ben, `message of round ${round}`);
    const other = round % 2 ? anns : bens;
    const deleting = [erase(anns, ben, id), edit(anns, ben, id, `edit of round ${round}`)];
    await Promise.all(round % 2 ? deleting : deleting.toReversed());
    const { messages } = await ask(other, "get_history", { partner_id: (other === anns ? ben : ann).id, at_most: 1 });
    assert.deepEqual([messages[0].id, messages[0].text], [id, ""]);
  }
});

describe("catching up", () => {
  test("gives everything to a client that knows nothing, and nothing when nothing has changed", async () => {
    const { ann, ben, anns } = await connected();
    const { version } = await send(anns, ben, "while nobody looked");
    const tab = await connect(ben);
    const all = await ask(tab, "catch_up", {});
    assert.equal(all.user_id, ben.id);
    assert.equal(all.more, false);
    assert.deepEqual(all.digest, { conversations: 1, versions: version });
    const [{ conversation, messages, complete_to }] = all.conversations;
    assert.deepEqual(messages, []);
    assert.equal(complete_to, version);
    assert.deepEqual([conversation.partner_id, conversation.username, conversation.new_message_count], [ann.id, ann.name, 1]);
    const again = await ask(tab, "catch_up", { epoch: all.epoch, digest: all.digest });
    assert.deepEqual(again, { ...all, conversations: [] });
  });

  test("gives what has changed since each version, each message once, as it is now", async () => {
    const { ann, ben, anns, bens } = await connected();
    const [cyd] = await newcomers(server, "cyd");
    await ben.opens(cyd);
    const kept = await send(anns, ben, "as it was");
    const edited = await send(anns, ben, "before it was edited");
    const before = await ask(bens, "catch_up", {});
    const known = before.conversations.map((/** @type {any} */ one) => [one.conversation.partner_id, one.complete_to]);
    await edit(anns, ben, edited.id, "edited once");
    await edit(anns, ben, edited.id, "edited twice");
    const next = await send(anns, ben, "new since then");
    const { epoch } = before;
    const missed = await ask(bens, "catch_up", { epoch, digest: before.digest, known });
    assert.equal(missed.conversations.length, 1);
    const [{ conversation, messages }] = missed.conversations;
    assert.equal(conversation.partner_id, ann.id);
    assert.deepEqual(messages.map((/** @type {any} */ one) => [one.id, one.text]), [
      [edited.id, "edited twice"],
      [next.id, "new since then"],
    ]);
    // Under another epoch the versions mean nothing.
    const anew = await ask(bens, "catch_up", { epoch: randomUUID(), digest: missed.digest, known });
    assert.equal(anew.conversations.length, 2);
    assert.ok(anew.conversations.every((/** @type {any} */ one) => one.messages.length === 0));
    assert.ok(kept.id < edited.id);
  });

  test("goes on until nothing more is missing", { timeout: 60_000 }, async () => {
    const { ann, ben, anns, bens } = await connected();
    const start = await ask(bens, "catch_up", {});
    let since = start.conversations[0].complete_to;
    const texts = Array.from({ length: 250 }, (_, number) => `missed number ${number}`);
    await Promise.all(texts.map((text) => send(anns, ben, text)));
    const heard = [];
    for (let more = true; more; ) {
      const page = await ask(bens, "catch_up", { epoch: start.epoch, known: [[ann.id, since]] });
      const [{ messages, complete_to }] = page.conversations;
      heard.push(...messages.map((/** @type {any} */ message) => message.text));
      since = complete_to;
      more = page.more;
    }
    assert.deepEqual(heard, texts);
    const last = await ask(bens, "catch_up", { epoch: start.epoch, known: [[ann.id, since]] });
    assert.deepEqual(last.conversations, []);
  });
});

test("the history of a conversation is read in pages, back to its beginning", async () => {
  const { ann, ben, anns, bens } = await connected();
  const texts = Array.from({ length: 25 }, (_, number) => `page by page ${number}`);
  for (const text of texts) await send(anns, ben, text);
  const heard = [];
  let before_id;
  for (let more = true; more; ) {
    const page = await ask(bens, "get_history", { partner_id: ann.id, before_id, at_most: 10 });
    heard.push(...page.messages.map((/** @type {any} */ message) => message.text));
    before_id = page.messages.at(-1).id;
    more = page.more;
  }
  assert.deepEqual(heard, texts.toReversed());
  const since = await ask(bens, "get_changes", { partner_id: ann.id, since: 2, at_most: 10 });
  assert.deepEqual([since.messages.length, since.more, since.complete_to], [10, true, 12]);
});

describe("both protocols", () => {
  test("talk to each other, also both for one person", async () => {
    const { ann, ben } = await partners(server);
    const [annOld, annNew, benOld, benNew] = [await ann.connect(), await connect(ann), await ben.connect(), await connect(ben)];
    await benOld.join(ann);
    const old = await annOld.send(ben, "from the old client");
    for (const tab of [annNew, benNew]) {
      const { message } = await tab.receives("changed", (change) => change.message?.id === old.id);
      assert.equal(message.text, "from the old client");
    }
    const { id } = await send(annNew, ben, "from the new client");
    await benOld.receives("message_received_from_current_chat", (message) => message.id === id);
    await annOld.receives("message_sent_elsewhere", (message) => message.id === id);
    await ask(benNew, "mark_read", { partner_id: ann.id, up_to_id: id });
    await benOld.receives("new_message_count_changed", ({ last_read_id }) => last_read_id === id);
    await benOld.read(ann, 0, id);
    await ask(annNew, "set_blocked", { partner_id: ben.id, blocked: true });
    assert.deepEqual(await annOld.receives("block_changed"), { chat_partner_id: ben.id, blocked: true });
    await annOld.block(ben, false);
    await annNew.until(
      () => annNew.payloads("changed").at(-1)?.conversation.blocked === false,
      () => "the end of the block",
    );
    assert.equal(annOld.received.length, 2);
  });

  test("an old client sees an edit when it opens the chat, and a deletion as words", async () => {
    const { ann, ben } = await partners(server);
    const [annNew, benOld] = [await connect(ann), await ben.connect()];
    const edited = await send(annNew, ben, "about to be edited");
    const deleted = await send(annNew, ben, "about to be deleted");
    await benOld.receives("message_received_from_another_chat", ({ message_id }) => message_id === deleted.id);
    await edit(annNew, ben, edited.id, "it was edited");
    await erase(annNew, ben, deleted.id);
    // What was deleted is not new any more.
    assert.deepEqual(await benOld.receives("new_message_count_changed"), {
      chat_partner_id: ann.id,
      new_message_count: 1,
      last_read_id: 0,
    });
    const { messages, new_message_count } = await benOld.join(ann);
    assert.deepEqual(messages.map(({ message }) => message), ["This message was deleted", "it was edited"]);
    assert.equal(new_message_count, 1);
  });

  test("have each their own events: those of the other are refused, or not known", async () => {
    const { ann, ben, anns } = await connected();
    const answer = await ask(anns, "join_chat", { chat_partner_id: ben.id });
    assert.deepEqual(answer, { failure: 'there is no event "join_chat" in protocol 2', code: "invalid" });
    assert.equal((await ask(anns, "x".repeat(500), {})).failure.length < 120, true);
    const old = await ann.connect();
    old.tell("send_message", { partner_id: ben.id, text: "to nobody", client_id: randomUUID() });
    assert.deepEqual((await old.join(ben)).messages, []);
    assert.deepEqual(anns.received, []);
  });
});
