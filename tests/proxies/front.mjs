// A server behind a real proxy, each with a folder and a free port of its own.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { startServer } from "../support/server.mjs";
import { configure } from "./config.mjs";

/** @import { ChildProcess } from "node:child_process" */
/** @import { AddressInfo } from "node:net" */
/** @import { Kind, Proxy } from "./config.mjs" */
/** @import { Server } from "../support/server.mjs" */

// The certificate is signed by nobody, and this process asks nobody but its own proxies.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";

/** @type {Record<Proxy, (file: string) => string[]>} */
const COMMANDS = {
  nginx: (file) => ["/usr/sbin/nginx", "-e", "stderr", "-c", file],
  haproxy: (file) => ["/usr/sbin/haproxy", "-db", "-f", file],
  caddy: (file) => ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", file],
};

const START_TRIES_MAX = 200;

/** What tests of a server need of it, as browsers see it. */
export class Front {
  /** @type {ChildProcess | undefined} */
  #process;
  #dir;
  /** What the proxy has printed. */
  output = "";

  /** @param {Proxy} proxy @param {Kind} kind @param {string} dir @param {number} port @param {Server} server */
  constructor(proxy, kind, dir, port, server) {
    this.proxy = proxy;
    this.kind = kind;
    this.#dir = dir;
    this.port = port;
    this.server = server;
  }

  /** Without a slash at the end. */
  get url() {
    return urlOf(this.kind, this.port);
  }

  get log() {
    return this.server.log;
  }

  /** @param {string} secret */
  hides(secret) {
    this.server.hides(secret);
  }

  /** @param {Record<string, string>} fields */
  hidesFields(fields) {
    this.server.hidesFields(fields);
  }

  /** For helpers that ask for a server. @returns {Server} */
  get asServer() {
    return /** @type {Server} */ (/** @type {unknown} */ (this));
  }

  /** Resolves when the proxy takes connections. */
  async start() {
    const upstream = Number(new URL(this.server.url).port);
    const file = join(this.#dir, "config");
    writeFileSync(file, configure(this.proxy, this.kind, { dir: this.#dir, port: this.port, upstream }));
    const [command, ...args] = COMMANDS[this.proxy](file);
    const env = { ...process.env, HOME: this.#dir, XDG_DATA_HOME: this.#dir, XDG_CONFIG_HOME: this.#dir };
    const child = spawn(command, args, { cwd: this.#dir, env, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (this.output += text));
    let ended = false;
    child.on("error", (error) => {
      this.output += error.message;
      ended = true;
    });
    child.on("exit", () => (ended = true));
    for (let tries = 0; !(await accepts(this.port)); tries += 1) {
      if (ended || tries === START_TRIES_MAX) throw new Error(`${this.proxy} does not start:\n${this.output}`);
      await pause(50);
    }
  }

  async remove() {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
    rmSync(this.#dir, { recursive: true, force: true });
    await this.server.remove();
  }
}

/** @param {Kind} kind @param {number} port */
function urlOf(kind, port) {
  const path = kind === "passing" || kind === "stripping" ? "/chat" : "";
  return `${kind === "bare" ? "http" : "https"}://127.0.0.1:${port}${path}`;
}

/** @param {number} port @returns {Promise<boolean>} */
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/** A key and a certificate for 127.0.0.1, good for a day. @param {string} dir */
function makeCertificate(dir) {
  const [key, certificate] = [join(dir, "key.pem"), join(dir, "certificate.pem")];
  const subject = ["-subj", "/CN=chat.example", "-addext", "subjectAltName=IP:127.0.0.1,DNS:chat.example"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", certificate], { stdio: "pipe" });
  writeFileSync(join(dir, "both.pem"), readFileSync(certificate, "utf8") + readFileSync(key, "utf8"));
}

/**
 * A server and a proxy before it, with the flags that docs/proxies.md names.
 * @param {Proxy} proxy @param {Kind} kind @param {{ args?: string[] }} [options] `args`: instead of those
 */
export async function startFront(proxy, kind, { args } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "visavis-proxy-"));
  if (kind !== "bare") makeCertificate(dir);
  const port = await freePort();
  const flags = ["--public-url", urlOf(kind, port), "--trusted-proxy", "127.0.0.1"];
  const front = new Front(proxy, kind, dir, port, await startServer({ args: args ?? flags }));
  try {
    await front.start();
  } catch (error) {
    await front.remove();
    throw error;
  }
  return front;
}
