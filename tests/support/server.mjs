// Starts the real program over a database of its own, and logs people in as a browser would.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = process.env.VISAVIS_BIN ?? join(root, "target/debug/visavis");

/** The database that the Flask chat wrote. */
export const FLASK_DATABASE = join(root, "tests/fixtures/flask-messenger.db");

/** A deployment's own templates and static files, as they were written for Flask. */
export const DEPLOYMENT = join(root, "tests/deployment");

/** Where npm's packages lie. */
export const MODULES = join(root, "node_modules");

/** A test registers, logs in and writes as hundreds of people would, from one address. */
const TESTS_ARE_FAST = Object.fromEntries(
  [
    ...["LOGINS", "REGISTRATIONS", "SEARCHES", "MESSAGES", "READS", "MARKS", "CHATS"],
    ...["ACCOUNT_CHANGES", "CONNECTS", "HANDSHAKES", "PAGES", "FILES", "PACKETS"],
  ].map((limit) => [`VISAVIS_LIMIT_${limit}`, "1000000/m"]),
);

/** Shorter texts and single words may stand in a log by chance. */
const SECRET_CHARS_MIN = 5;
const IS_WORD = /^[a-z]+$/;

/** A server in a folder of its own. */
export class Server {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #process;
  #args;
  #env;
  #log = "";
  /** Passwords, cookies, tokens, messages. @type {Set<string>} */
  #secrets = new Set();
  /** The port is chosen by the first start and kept by the later ones, as browsers would expect. */
  #port = 0;

  /** @param {string} dir @param {string[]} args @param {Record<string, string>} env @param {boolean} isOrdinary */
  constructor(dir, args, env, isOrdinary) {
    this.dir = dir;
    this.#args = args;
    // The log has more than operators see, so that more is checked.
    const ofTests = isOrdinary ? {} : { VISAVIS_LOG: "info,visavis=trace", ...TESTS_ARE_FAST };
    if (!isOrdinary) this.#args = ["--bcrypt-cost", "4", ...args];
    this.#env = { ...process.env, ...ofTests, ...env };
  }

  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The program itself, for commands beside the server. */
  get program() {
    return program;
  }

  get database() {
    return join(this.dir, "messenger.db");
  }

  /** The id of the running process. */
  get pid() {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("the server is not running");
    return pid;
  }

  /** Everything that the program has printed. */
  get log() {
    return this.#log;
  }

  /** Remembers what the program is told and its log must not tell. @param {string} secret */
  hides(secret) {
    if (secret.length >= SECRET_CHARS_MIN && !IS_WORD.test(secret)) this.#secrets.add(secret);
  }

  /** The same for what is secret in a form. @param {Record<string, string>} fields */
  hidesFields(fields) {
    for (const [name, value] of Object.entries(fields)) {
      if (name !== "username" && name !== "id") this.hides(value);
    }
  }

  /** Resolves when the program says where it listens. */
  async start() {
    const args = ["--listen", `127.0.0.1:${this.#port}`, ...this.#args];
    const child = spawn(program, args, {
      cwd: this.dir,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    const listening = new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          this.#log += `${line}\n`;
          const found = line.match(/listens on http:\/\/[^ ]*:(\d+)/);
          if (found) resolve(Number(found[1]));
        });
      }
      child.on("error", reject);
      child.on("exit", (code) => reject(new Error(`the server ended (${code}):\n${this.#log}`)));
    });
    this.#port = await listening;
  }

  /** Ends the program, by default as an operator would. @param {NodeJS.Signals} signal */
  async stop(signal = "SIGTERM") {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }

  /** Limits how large a file the program may write, as a full disk would. @param {string} bytes */
  limitFiles(bytes) {
    execFileSync("prlimit", [`--pid=${this.pid}`, `--fsize=${bytes}:`]);
  }

  /** Ends the program for good, removes its folder, and checks that its log has told no secret. */
  async remove() {
    await this.stop("SIGKILL");
    await rm(this.dir, { recursive: true, force: true });
    const told = [...this.#secrets].filter((secret) => this.#log.includes(secret));
    if (told.length > 0) throw new Error(`the log tells ${JSON.stringify(told.slice(0, 3))}`);
  }
}

/**
 * A running server, over a copy of `database` or a new one. An ordinary one has the limits and the log of
 * an operator who has set nothing.
 * @param {{ database?: string, args?: string[], env?: Record<string, string>, isOrdinary?: boolean }} [options]
 */
export async function startServer({ database, args = [], env = {}, isOrdinary = false } = {}) {
  const dir = await mkdtemp(join(tmpdir(), "visavis-"));
  const server = new Server(dir, args, env, isOrdinary);
  if (database) await copyFile(database, server.database);
  await server.start();
  return server;
}

/**
 * Posts a form as a browser would, without following the redirect.
 * @param {Server} server @param {string} path @param {Record<string, string>} fields @param {string} [cookie]
 */
export function post(server, path, fields, cookie) {
  server.hidesFields(fields);
  return fetch(server.url + path, {
    method: "POST",
    redirect: "manual",
    headers: { ...(cookie ? { cookie } : {}), origin: new URL(server.url).origin },
    body: new URLSearchParams(fields),
  });
}

/** @param {Server} server @param {string} username */
export async function register(server, username, password = `password of ${username}`) {
  const response = await post(server, "/register", { username, password, confirmation: password });
  if (response.status !== 302) throw new Error(`registering ${username}: ${response.status}`);
}

/**
 * Logs in and gives the session's cookie, as a `Cookie` header.
 * @param {Server} server @param {string} username
 */
export async function logIn(server, username, password = `password of ${username}`) {
  const response = await post(server, "/login", { username, password });
  if (response.status !== 302) throw new Error(`logging in ${username}: ${response.status}`);
  const cookies = response.headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
  for (const cookie of cookies) server.hides(cookie.slice(cookie.indexOf("=") + 1));
  return cookies.join("; ");
}

/**
 * The id of a user, as the find page would learn it.
 * @param {Server} server @param {string} cookie @param {string} username
 */
export async function idOf(server, cookie, username) {
  const response = await fetch(`${server.url}/find`, {
    method: "POST",
    headers: { cookie, origin: new URL(server.url).origin, "content-type": "application/json" },
    body: JSON.stringify({ username }),
  });
  const users = /** @type {{ id: number, username: string }[]} */ (await response.json());
  const user = users.find((found) => found.username === username);
  if (!user) throw new Error(`no user is called ${username}`);
  return user.id;
}

/**
 * Opens a chat with a user through the find page's form.
 * @param {Server} server @param {string} cookie @param {number} id
 */
export async function addChat(server, cookie, id) {
  const response = await post(server, "/add", { id: String(id) }, cookie);
  if (response.status !== 302) throw new Error(`opening a chat with ${id}: ${response.status}`);
}
