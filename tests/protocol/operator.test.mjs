// What the operator does with commands beside a running server, and how soon people feel it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { newcomers, partners } from "../support/client.mjs";
import { logIn, post, startServer } from "../support/server.mjs";

const server = await startServer();
const invitingServer = await startServer({ args: ["--registration", "invite"] });
after(async () => {
  await server.remove();
  await invitingServer.remove();
});

/** Runs `visavis user …` on the server's database, and gives what it printed. @param {string[]} args */
async function user(...args) {
  const settings = ["--database", server.database, "--public-url", server.url];
  const { stdout, stderr } = await promisify(execFile)(server.program, ["user", ...args, ...settings]);
  const link = stdout.match(/https?:\/\/\S+/)?.[0];
  const path = link?.slice(server.url.length);
  if (path) {
    server.hides(path.slice(path.lastIndexOf("/") + 1));
    assert.ok(!stderr.includes(path), "the log tells the link");
  }
  return { stdout, path: path ?? "" };
}

/** Tries to set a password by a link. @param {string} path @param {string} password */
async function setPassword(path, password) {
  const response = await post(server, path, { password, confirmation: password });
  return response.status;
}

test("a disabled user's sockets close while others talk on", async () => {
  const { ann, ben } = await partners(server);
  const annTabs = [
    await ann.connect({ transport: "websocket" }),
    await ann.connect({ transport: "polling" }),
    await (await ann.elsewhere()).connect(),
  ];
  const benTab = await ben.connect();
  await user("disable", ann.name);
  for (const tab of annTabs) await tab.closed();
  await assert.rejects(ann.connect(), { message: "not logged in" });
  await assert.rejects(logIn(server, ann.name), /401/);
  await benTab.send(ann, "until you are back");

  await user("enable", ann.name);
  await assert.rejects(ann.connect(), { message: "not logged in" });
  const back = await ann.elsewhere();
  assert.equal((await (await back.connect()).join(ben)).messages[0].message, "until you are back");
});

test("signing somebody out closes their sockets, and they can log in again", async () => {
  const { ann, ben } = await partners(server);
  const [tab, benTab] = [await ann.connect(), await ben.connect()];
  const { stdout } = await user("sign-out", ann.name);
  assert.match(stdout, /sessions ended: 1/);
  await tab.closed();
  const back = await (await ann.elsewhere()).connect();
  await benTab.send(ann, "hello again");
  await back.receives("message_received_from_another_chat");
});

test("a link for a new password changes nothing before it is used, and then closes every socket", async () => {
  const { ann, ben } = await partners(server);
  const [tab, benTab] = [await ann.connect(), await ben.connect()];
  const { path } = await user("reset-password", ann.name);
  assert.equal((await fetch(server.url + path)).status, 200);
  await benTab.send(ann, "still there?");
  await tab.receives("message_received_from_another_chat");
  assert.equal(await setPassword(path, "something new and long"), 302);
  await tab.closed();
  assert.match(server.log, new RegExp(`user ${ann.id} set a password by a link, from 127.0.0.1`));
  await assert.rejects(ann.connect(), { message: "not logged in" });
  await assert.rejects(logIn(server, ann.name), /401/);
  await logIn(server, ann.name, "something new and long");
});

test("of many who use a link at the same moment one succeeds", async () => {
  const [ann] = await newcomers(server, "ann");
  const { path } = await user("reset-password", ann.name);
  const passwords = Array.from({ length: 10 }, (_, index) => `password number ${index}`);
  const statuses = await Promise.all(passwords.map((password) => setPassword(path, password)));
  assert.deepEqual(statuses.toSorted(), [302, ...Array(9).fill(404)]);
  await logIn(server, ann.name, passwords[statuses.indexOf(302)]);
});

test("who is added while the server runs sets a password and joins in", async () => {
  const [ben] = await newcomers(server, "ben");
  const { path } = await user("add", "somebody new");
  assert.equal(await setPassword(path, "something new and long"), 302);
  const cookie = await logIn(server, "somebody new", "something new and long");
  const { stdout } = await user("list");
  assert.match(stdout, /enabled +1 +\d{4}-\d\d-\d\d \d\d:\d\d UTC +somebody new/);
  assert.match(stdout, new RegExp(`^ *${ben.id} +enabled .*${ben.name.replace(/[()]/g, "\\$&")}$`, "m"));
  assert.ok(cookie);
});

test("commands beside a server that writes all the while wait for their turn", async () => {
  const { ann, ben } = await partners(server);
  const [annTab, benTab] = [await ann.connect(), await ben.connect()];
  let writing = true;
  const write = async () => {
    let sent = 0;
    for (; writing; sent += 1) await benTab.send(ann, `line ${sent}`);
    return sent;
  };
  const written = write();
  for (let round = 0; round < 5; round += 1) {
    await user("add", `added ${round}`);
    await user("disable", `added ${round}`);
  }
  writing = false;
  const sent = await written;
  await annTab.until(
    () => annTab.payloads("message_received_from_another_chat").length === sent,
    () => `${sent} messages`,
  );
});

test("the server's log tells whose sockets it closed", async () => {
  const [ann] = await newcomers(server, "ann");
  const tab = await ann.connect();
  await user("disable", ann.name);
  await tab.closed();
  assert.match(server.log, new RegExp(`a session of user ${ann.id} has ended; closing its sockets`));
});

test("who has an invitation registers beside others who want it too, and no log tells it", async () => {
  const settings = ["--database", invitingServer.database, "--public-url", invitingServer.url];
  const { stdout, stderr } = await promisify(execFile)(server.program, ["invite", ...settings]);
  const invite = stdout.match(/\?invite=(\w+)/)?.[1] ?? "";
  assert.ok(invite.length >= 32 && !stderr.includes(invite));
  assert.equal((await fetch(`${invitingServer.url}/register?invite=${invite}`)).status, 200);
  const password = "something long to remember";
  const tries = Array.from({ length: 6 }, (_, index) =>
    post(invitingServer, "/register", { username: `guest ${index}`, password, confirmation: password, invite }),
  );
  const statuses = (await Promise.all(tries)).map((response) => response.status);
  assert.deepEqual(statuses.toSorted(), [302, 403, 403, 403, 403, 403]);
  await logIn(invitingServer, `guest ${statuses.indexOf(302)}`, password);
  assert.match(invitingServer.log, /user 1 registered by an invitation, from 127\.0\.0\.1/);
});
