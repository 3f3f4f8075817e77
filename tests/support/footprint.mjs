// What a running server holds, and that it holds no more of it when everybody has gone.

import assert from "node:assert/strict";
import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

/** @typedef {import("./server.mjs").Server} Server */

/** How long the server may take to notice that peers have gone, and to give back their threads. */
const PATIENCE_SECONDS = 90;
/** What a socket that was let in may leave for so long, if all goes well. */
const SETTLED_SECONDS = 12;
/** How much memory may stay with the allocator, in bytes. */
const MEMORY_SLACK = 40 * 1024 * 1024;

/** The memory that the server holds, files that are mapped included, in bytes. @param {Server} server */
export async function residentBytes(server) {
  const status = await readFile(`/proc/${server.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

/**
 * What the server holds at this moment: tasks by its own log, the rest by the kernel.
 * @param {Server} server
 */
async function footprint(server) {
  const status = await readFile(`/proc/${server.pid}/status`, "utf8");
  // A file may be gone before it is looked at.
  const files = await Promise.all(
    (await readdir(`/proc/${server.pid}/fd`)).map((file) => readlink(`/proc/${server.pid}/fd/${file}`).catch(() => "")),
  );
  const number = (/** @type {RegExp} */ pattern, text = status) => Number(pattern.exec(text)?.[1]);
  return {
    memory: number(/RssAnon:\s+(\d+) kB/) * 1024,
    threads: number(/Threads:\s+(\d+)/),
    // Files of the database are opened as they are needed, and kept.
    sockets: files.filter((file) => file.startsWith("socket:")).length,
    // The server says it when the number has changed.
    tasks: number(/.*[^\d](\d+) tasks are alive/s, server.log),
  };
}

/** @typedef {Awaited<ReturnType<typeof footprint>>} Footprint */

/**
 * Waits until the server holds nothing of its clients: then, what it holds.
 * @param {Server} server
 */
export async function atRest(server) {
  let last = await footprint(server);
  for (let still = 0; still < SETTLED_SECONDS * 5; still += 1) {
    await pause(200);
    const now = await footprint(server);
    if (now.tasks !== last.tasks || now.sockets !== last.sockets || Number.isNaN(now.tasks)) still = 0;
    last = now;
  }
  return last;
}

/**
 * Waits until the server holds no more than it did `before`, when nobody was connected.
 * @param {Server} server @param {Footprint} before
 */
export async function leavesNothing(server, before) {
  let now = await footprint(server);
  const isBack = () =>
    now.tasks <= before.tasks &&
    now.sockets <= before.sockets &&
    now.threads <= before.threads &&
    now.memory <= before.memory + MEMORY_SLACK;
  for (let tries = 0; !isBack() && tries < PATIENCE_SECONDS * 5; tries += 1) {
    await pause(200);
    now = await footprint(server);
  }
  assert.ok(isBack(), `the server held ${JSON.stringify(before)} and holds ${JSON.stringify(now)}`);
}
