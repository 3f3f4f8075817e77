// What becomes of sockets when a password is changed and when sessions are ended from the account page.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { newcomers, partners, Person } from "../support/client.mjs";
import { post, startServer } from "../support/server.mjs";

const server = await startServer();
after(() => server.remove());

/** @param {Person} person @param {string} password */
async function changePassword(person, password) {
  const current = `password of ${person.name}`;
  const fields = { current, password, confirmation: password };
  const response = await post(server, "/account/password", fields, person.cookie);
  assert.equal(response.status, 302);
  const cookies = response.headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
  for (const cookie of cookies) server.hides(cookie.slice(cookie.indexOf("=") + 1));
  return new Person(server, person.name, person.id, cookies.join("; "));
}

/** The ids under which the account page can end sessions. @param {Person} person */
async function others(person) {
  const page = await fetch(`${server.url}/account`, { headers: { cookie: person.cookie } });
  const found = (await page.text()).matchAll(/name="session" type="hidden" value="(\w+)"/g);
  return [...found].map(([, id]) => id);
}

test("a changed password closes the sockets of every other session and of nobody else", async () => {
  const { ann, ben } = await partners(server);
  const elsewhere = await ann.elsewhere();
  const tab = await ann.connect();
  const otherTabs = [
    await elsewhere.connect({ transport: "websocket" }),
    await elsewhere.connect({ transport: "polling" }),
  ];
  const benTab = await ben.connect();
  await changePassword(ann, "something new and long");
  for (const other of otherTabs) await other.closed();
  assert.match(server.log, new RegExp(`user ${ann.id} changed the password, from 127.0.0.1`));
  await assert.rejects(elsewhere.connect(), { message: "not logged in" });
  await benTab.send(ann, "still there?");
  await tab.receives("message_received_from_another_chat");
});

test("the tabs that stay open over a change of password are those of the new session", async () => {
  const [ann] = await newcomers(server, "ann");
  const tab = await ann.connect();
  const renewed = await changePassword(ann, "something new and long");
  await assert.rejects(ann.connect(), { message: "not logged in" });
  const another = await renewed.connect();
  await fetch(`${server.url}/logout`, { redirect: "manual", headers: { cookie: renewed.cookie } });
  await tab.closed();
  await another.closed();
});

test("ending one session closes its sockets at once and no others", async () => {
  const { ann, ben } = await partners(server);
  const first = await ann.elsewhere();
  const [id] = await others(ann);
  const second = await ann.elsewhere();
  const [tab, ended, left] = [await ann.connect(), await first.connect(), await second.connect()];
  const response = await post(server, "/account/sessions/end", { session: id }, ann.cookie);
  assert.equal(response.status, 302);
  await ended.closed();
  await assert.rejects(first.connect(), { message: "not logged in" });
  const benTab = await ben.connect();
  await benTab.send(ann, "still there?");
  for (const open of [tab, left]) await open.receives("message_received_from_another_chat");
});

test("ending all other sessions closes their sockets at once", async () => {
  const { ann, ben } = await partners(server);
  const [first, second] = [await ann.elsewhere(), await ann.elsewhere()];
  const [tab, ...ended] = [await ann.connect(), await first.connect(), await second.connect()];
  await post(server, "/account/sessions/end-others", {}, ann.cookie);
  for (const closed of ended) await closed.closed();
  const benTab = await ben.connect();
  await benTab.send(ann, "still there?");
  await tab.receives("message_received_from_another_chat");
});

test("nobody closes somebody else's sockets", async () => {
  const [ann, ben] = await newcomers(server, "ann", "ben");
  const elsewhere = await ann.elsewhere();
  const tab = await elsewhere.connect();
  const [id] = await others(ann);
  await post(server, "/account/sessions/end", { session: id }, ben.cookie);
  await post(server, "/account/sessions/end-others", {}, ben.cookie);
  const note = await post(server, "/add", { id: String(ann.id) }, elsewhere.cookie);
  assert.equal(note.status, 302);
  await tab.receives("chat_opened");
});
