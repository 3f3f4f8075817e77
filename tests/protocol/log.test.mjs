// What the operator reads: one line for each thing that happened, with whom and from where. What must
// not stand there is looked for in the log of every server that a test starts (tests/support).

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { newcomers, partners } from "../support/client.mjs";
import { handshake } from "../support/handshake.mjs";
import { FLASK_DATABASE, startServer } from "../support/server.mjs";

/** @typedef {import("../support/server.mjs").Server} Server */

const PROXY = ["--trusted-proxy", "127.0.0.1"];
/** As operators see it. */
const env = { VISAVIS_LOG: "info" };
const server = await startServer({ args: PROXY, env });
after(() => server.remove());

const bounded = { timeout: 30_000 };
let addresses = 0;

/** An address from which nobody has come yet. */
const newAddress = () => `198.51.100.${(addresses += 1)}`;

/**
 * Posts a form that a proxy passes on for `from`.
 * @param {Server} to @param {string} from @param {string} path @param {Record<string, string>} fields @param {string} [cookie]
 */
async function form(to, from, path, fields, cookie) {
  to.hidesFields(fields);
  const headers = { "x-forwarded-for": from, ...(cookie ? { cookie } : {}) };
  const response = await fetch(to.url + path, { method: "POST", redirect: "manual", headers, body: new URLSearchParams(fields) });
  for (const set of response.headers.getSetCookie()) to.hides(set.split(/[=;]/)[1]);
  return response;
}

/** Without the time, and without the fields, which repeat the ids. @param {string} line */
const sentence = (line) => line.replace(/^\S+ +/, "").replace(/(?: [a-z.]+=\S+)+$/, "");

/**
 * The lines of the program itself that name an address, once there is one.
 * @param {Server} of @param {string} address
 */
async function linesOf(of, address) {
  const lines = () => of.log.split("\n").filter((line) => line.includes(address) && !line.includes(" more like this: "));
  while (lines().length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  return lines().map(sentence);
}

/** The status that a form got, and the lines that name where it came from. @param {string} path @param {Record<string, string>} fields @param {string} [cookie] */
async function told(path, fields, cookie) {
  const from = newAddress();
  const { status } = await form(server, from, path, fields, cookie);
  return { from, status, lines: await linesOf(server, from) };
}

/** Runs a command beside the server; gives what it logged. @param {string[]} args */
async function command(...args) {
  const ran = promisify(execFile)(server.program, [...args, "--database", server.database, "--public-url", server.url]);
  const { stdout, stderr } = await ran;
  server.hides(stdout.match(/\/reset\/(\S+)/)?.[1] ?? "");
  return { stdout, lines: stderr.trim().split("\n").map(sentence) };
}

test("a proxy nearby that is not trusted is named once, as all behind it count as one", bounded, async () => {
  const unaware = await startServer({ env });
  try {
    for (let request = 0; request < 3; request += 1) {
      for (const header of ["x-forwarded-for", "forwarded"]) {
        await fetch(`${unaware.url}/login`, { headers: { [header]: "for=198.51.100.7" } });
      }
    }
    const lines = await linesOf(unaware, "--trusted-proxy");
    assert.deepEqual(lines, ["WARN 127.0.0.1 passes requests on and is no --trusted-proxy: limits take all who come through it for one visitor"]);
  } finally {
    await unaware.remove();
  }
  await fetch(`${server.url}/login`, { headers: { "x-forwarded-for": newAddress() } });
  assert.doesNotMatch(server.log, /is no --trusted-proxy/);
});

test("who registers is one line", bounded, async () => {
  const password = "a password to register with";
  const { from, lines } = await told("/register", { username: "zoe", password, confirmation: password });
  assert.equal(lines.length, 1);
  assert.match(lines[0], new RegExp(`^INFO user \\d+ registered, from ${from}$`));
});

test("who logs in and out is one line each", bounded, async () => {
  const [ann] = await newcomers(server, "ann");
  const { from, lines } = await told("/login", { username: ann.name, password: `password of ${ann.name}` });
  assert.deepEqual(lines, [`INFO user ${ann.id} logged in from ${from}`]);
  const away = newAddress();
  await fetch(`${server.url}/logout`, { redirect: "manual", headers: { cookie: ann.cookie, "x-forwarded-for": away } });
  assert.deepEqual(await linesOf(server, away), [`INFO user ${ann.id} logged out, from ${away}`]);
});

test("a login that fails is one line, which says why", bounded, async () => {
  const [ann] = await newcomers(server, "ann");
  const wrong = await told("/login", { username: ann.name, password: "not the right one" });
  assert.deepEqual(wrong.lines, [`INFO a login from ${wrong.from} failed: user ${ann.id} typed a wrong password`]);
  const nobody = await told("/login", { username: "nobody of that name", password: "whatever it is" });
  assert.deepEqual(nobody.lines, [`INFO a login from ${nobody.from} failed: nobody has that name`]);
  assert.equal(server.log.includes("nobody of that name"), false);
});

test("a cookie that is worth nothing is no line: strangers could fill the log", bounded, async () => {
  const before = server.log.length;
  const [ann] = await newcomers(server, "ann");
  const name = ann.cookie.split("=")[0];
  for (const value of ["malformed", "AAAAAAAAAAAAAAAAAAAAAA"]) {
    await fetch(`${server.url}/chats`, { redirect: "manual", headers: { cookie: `${name}=${value}` } });
  }
  // What would have been told by then.
  await told("/login", { username: ann.name, password: "not the right one" });
  const warnings = server.log.slice(before).split("\n").filter((line) => / WARN | ERROR /.test(line));
  assert.deepEqual(warnings, []);
});

test("a change of password is one line, and so is one that fails", bounded, async () => {
  const [ann] = await newcomers(server, "ann");
  const fields = { current: "not the right one", password: "another password", confirmation: "another password" };
  const wrong = await told("/account/password", fields, ann.cookie);
  assert.deepEqual(wrong.lines, [`INFO user ${ann.id} typed a wrong current password, from ${wrong.from}`]);
  const right = await told("/account/password", { ...fields, current: `password of ${ann.name}` }, ann.cookie);
  assert.equal(right.status, 302);
  assert.deepEqual(right.lines, [`INFO user ${ann.id} changed the password, from ${right.from}`]);
});

test("what the operator does is one line each, and so is what comes of it", bounded, async () => {
  const [ann] = await newcomers(server, "ann");
  assert.deepEqual((await command("user", "disable", ann.name)).lines, [`INFO the operator disabled user ${ann.id}`]);
  const { from, lines } = await told("/login", { username: ann.name, password: `password of ${ann.name}` });
  assert.deepEqual(lines, [`INFO a login from ${from} failed: user ${ann.id} is disabled`]);
  assert.deepEqual((await command("user", "enable", ann.name)).lines, [`INFO the operator enabled user ${ann.id}`]);
  const reset = await command("user", "reset-password", ann.name);
  assert.deepEqual(reset.lines, [`INFO the operator made a link to set the password of user ${ann.id}`]);
  const path = reset.stdout.match(/\/reset\/\S+/)?.[0] ?? "";
  const set = await told(path, { password: "set by a link", confirmation: "set by a link" });
  assert.deepEqual(set.lines, [`INFO user ${ann.id} set a password by a link, from ${set.from}`]);
});

test("an import and a conversion are one line each", bounded, async () => {
  const made = join(server.dir, "imported.db");
  const { stderr } = await promisify(execFile)(server.program, ["import", FLASK_DATABASE, "--database", made]);
  const counts = "9 users, \\d+ chats \\(\\d+ of them were missing\\), 70 messages";
  const lines = stderr.split("\n").filter((line) => / INFO .*imported/.test(line)).map(sentence);
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0], new RegExp(`^INFO imported the Flask chat's database .*: ${counts}`));
  const converting = await startServer({ database: FLASK_DATABASE, env });
  try {
    const converted = converting.log.split("\n").filter((line) => line.includes("converted the Flask chat's database"));
    assert.equal(converted.length, 1);
    assert.match(converted[0], new RegExp(counts));
  } finally {
    await converting.remove();
  }
});

test("a limit that is hit a hundred times is one line, with whom and from where", { timeout: 60_000 }, async () => {
  const args = ["--limit-logins", "2/h", "--limit-registrations", "2/h", "--limit-searches", "2/h", "--limit-messages", "2/h"];
  const more = ["--limit-connects", "3/h", "--limit-handshakes", "9/h"];
  const limited = await startServer({ args: [...args, ...more, ...PROXY], env });
  try {
    const { ann, ben } = await partners(limited);
    const warnings = async (/** @type {string} */ address) => (await linesOf(limited, address)).filter((line) => line.startsWith("WARN"));
    /** @param {string} from @param {() => Promise<unknown>} again */
    const hundredTimes = async (from, again) => {
      for (let number = 0; number < 100; number += 1) await again();
      return warnings(from);
    };
    const logins = newAddress();
    const wrong = { username: "no such name", password: "no such password" };
    const tooManyLogins = await hundredTimes(logins, () => form(limited, logins, "/login", wrong));
    assert.match(tooManyLogins.join(), new RegExp(`^WARN too many logins from ${logins}; refused for \\d+ s$`));

    const registrations = newAddress();
    const tooMany = await hundredTimes(registrations, () => form(limited, registrations, "/register", { ...wrong, username: "" }));
    assert.match(tooMany.join(), new RegExp(`^WARN too many registrations from ${registrations}; refused for \\d+ s$`));

    const searches = newAddress();
    const headers = { cookie: ann.cookie, "content-type": "application/json", "x-forwarded-for": searches };
    const search = () => fetch(`${limited.url}/find`, { method: "POST", headers, body: '{"username":"a"}' });
    const tooManySearches = await hundredTimes(searches, search);
    assert.match(tooManySearches.join(), new RegExp(`^WARN too many searches of user ${ann.id}, from ${searches}; refused for \\d+ s$`));

    const sockets = newAddress();
    const tab = await ann.connect({ from: sockets });
    const tooManyMessages = await hundredTimes(sockets, () => tab.send(ben, "a message of many"));
    assert.match(tooManyMessages.join(), new RegExp(`^WARN too many messages of user ${ann.id}, from ${sockets}; refused for \\d+ s$`));
    const handshakes = newAddress();
    const tooManyHandshakes = await hundredTimes(handshakes, async () => (await handshake(limited, "polling", { "x-forwarded-for": handshakes })).close());
    assert.match(tooManyHandshakes.join(), new RegExp(`^WARN too many handshakes from ${handshakes}; refused for \\d+ s$`));

    const connects = newAddress();
    for (let number = 0; number < 3; number += 1) (await ben.connect({ from: connects })).close();
    for (let number = 0; number < 5; number += 1) await assert.rejects(ben.connect({ from: connects }));
    const tooManyConnects = await warnings(connects);
    assert.match(tooManyConnects.join(), new RegExp(`^WARN too many connects of user ${ben.id}, from ${connects}; refused for \\d+ s$`));
  } finally {
    await limited.remove();
  }
});

test("logins that are slowed are one line for each address", bounded, async () => {
  const limited = await startServer({ args: ["--limit-failures", "1/h", ...PROXY], env });
  try {
    const [ann] = await newcomers(limited, "ann");
    const from = [newAddress(), newAddress(), newAddress()];
    for (const address of from) await form(limited, address, "/login", { username: ann.name, password: "not the right one" });
    const lines = (await Promise.all(from.map((address) => linesOf(limited, address)))).flat();
    const slowed = from.slice(1).map((address) => `WARN too many wrong passwords of one account; its logins are slowed, this one from ${address}`);
    assert.deepEqual(lines.filter((line) => line.startsWith("WARN")), slowed);
  } finally {
    await limited.remove();
  }
});

test("whoever has all their sockets is one line, however often they ask for more", bounded, async () => {
  const args = ["--max-sockets-per-user", "1", "--max-sockets-per-address", "2", ...PROXY];
  const limited = await startServer({ args, env });
  try {
    const [ann] = await newcomers(limited, "ann");
    await ann.connect();
    const elsewhere = newAddress();
    for (let number = 0; number < 5; number += 1) {
      await assert.rejects(ann.connect({ from: elsewhere }), { message: /^too many open connections|^(websocket|xhr poll) error/ });
    }
    const full = (await linesOf(limited, elsewhere)).filter((line) => line.includes(`user ${ann.id}`));
    assert.deepEqual(full, [`WARN user ${ann.id} has 1 sockets; refused one more, from ${elsewhere}`]);
    const address = newAddress();
    const sockets = [];
    for (let number = 0; number < 20; number += 1) sockets.push(await handshake(limited, "websocket", { "x-forwarded-for": address }));
    assert.deepEqual(sockets.map(({ status }) => status).slice(0, 3), [101, 101, 429]);
    assert.deepEqual(await linesOf(limited, address), [`WARN too many sockets from ${address}; refused one more`]);
    for (const { close } of sockets) close();
  } finally {
    await limited.remove();
  }
});

test("a flood from one address or from many is a few lines, with the number of the others", { timeout: 120_000 }, async () => {
  const args = ["--limit-logins", "5/h", "--limit-searches", "1/h", "--max-connections-per-address", "60", ...PROXY];
  const flooded = await startServer({ args, env: { VISAVIS_LOG: "debug" } });
  try {
    const [ann] = await newcomers(flooded, "ann");
    const flooder = newAddress();
    const wrong = { username: "no such name", password: "no such password" };
    for (let number = 0; number < 100; number += 1) await form(flooded, flooder, "/login", wrong);
    const tab = await ann.connect();
    await tab.ask("message_sent", "a text that the log must not have");
    const foreign = (/** @type {string} */ from) => fetch(`${flooded.url}/login`, { method: "POST", headers: { "x-forwarded-for": from, "sec-fetch-site": "cross-site" } });
    for (let number = 0; number < 200; number += 1) await foreign(newAddress());

    const malformed = async (/** @type {string} */ from) => {
      const headers = { "x-forwarded-for": from };
      const poll = `${flooded.url}/socket.io/?EIO=4&transport=polling`;
      const { sid } = JSON.parse((await (await fetch(poll, { headers })).text()).slice(1));
      flooded.hides(sid);
      await fetch(`${poll}&sid=${sid}`, { method: "POST", headers, body: "no packet" }).catch(() => {});
    };
    for (let number = 0; number < 20; number += 1) await malformed(flooder);

    // Others are still logged, where a flood came from one address only.
    const other = newAddress();
    for (let number = 0; number < 6; number += 1) await form(flooded, other, "/login", wrong);
    await malformed(other);

    await flooded.stop();
    const count = (/** @type {RegExp} */ kind) => flooded.log.split("\n").filter((line) => !line.includes(" more like this: ") && kind.test(line)).length;
    assert.equal(count(new RegExp(`WARN .*too many logins from ${flooder};`)), 1);
    assert.equal(count(new RegExp(`INFO .*a login from ${flooder} failed`)), 1);
    assert.equal(count(new RegExp(`WARN .*too many logins from ${other};`)), 1);
    assert.equal(count(new RegExp(`WARN closed a socket of ${flooder}: `)), 1);
    assert.equal(count(new RegExp(`WARN closed a socket of ${other}: `)), 1);
    const foreigners = count(/refused a form to a page of/);
    assert.ok(foreigners >= 1 && foreigners <= 60, `${foreigners} lines`);
    assert.equal(flooded.log.includes("a text that the log must not have"), false);

    const summed = (/** @type {string} */ kind) => {
      const lines = flooded.log.split("\n").filter((line) => line.includes(" more like this: ") && line.includes(kind));
      return lines.reduce((sum, line) => sum + Number(/suppressed=(\d+)/.exec(line)?.[1]), 0);
    };
    assert.ok(summed("too many logins") >= 90, flooded.log);
    assert.equal(summed("closed a socket of"), 19);
    assert.equal(summed("refused a form to a page of"), 200 - foreigners);
  } finally {
    await flooded.remove();
  }
});
