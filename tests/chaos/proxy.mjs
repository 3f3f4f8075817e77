// A TCP proxy that stands between clients and the server and does to connections what networks do:
// it cuts them, slows them down, lets them hang without a word, and loses what the server answers.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** @import { AddressInfo, Server, Socket } from "node:net" */

/** In how many pieces a slow link carries what it carries in a second. */
const TRICKLES_PER_SECOND = 20;

/** One connection of a client, carried on to the server. */
class Link {
  #client;
  #server;
  #delayMs = 0;
  /** Of what the client is sent; 0 for no bound. */
  #bytesPerSecond;
  /** While it hangs: what is waited for. @type {Promise<void> | undefined} */
  #hanging;
  #goOn = () => {};
  #isDeaf = false;

  /** @param {Socket} client @param {number} port @param {number} bytesPerSecond */
  constructor(client, port, bytesPerSecond) {
    this.#client = client;
    this.#bytesPerSecond = bytesPerSecond;
    this.#server = connect(port, "127.0.0.1");
    for (const [from, to] of [[client, this.#server], [this.#server, client]]) {
      from.setNoDelay();
      // A connection that breaks ends the other side as well; that is all there is to say.
      from.on("error", () => this.cut());
      from.on("close", () => this.cut());
      this.#carry(from, to).catch(() => this.cut());
    }
  }

  get open() {
    return !this.#client.destroyed;
  }

  /** Ends it at once, with whatever is on its way. */
  cut() {
    this.#client.destroy();
    this.#server.destroy();
    this.resume();
  }

  /** Lets everything on it come later. @param {number} ms 0 to stop that */
  delay(ms) {
    this.#delayMs = ms;
  }

  /** Lets nothing through any more; neither side is told. */
  stall() {
    this.#hanging ??= new Promise((resolve) => (this.#goOn = resolve));
  }

  /** Loses all that the server sends from now on; what the client sends arrives. */
  deafen() {
    this.#isDeaf = true;
  }

  resume() {
    this.#goOn();
    this.#hanging = undefined;
  }

  /** @param {Socket} from @param {Socket} to */
  async #carry(from, to) {
    for await (const chunk of from) {
      if (this.#delayMs > 0) await sleep(this.#delayMs);
      while (this.#hanging) await this.#hanging;
      if (to === this.#client && this.#isDeaf) continue;
      if (to === this.#client && this.#bytesPerSecond > 0) await this.#trickle(chunk);
      else if (!to.write(chunk)) await once(to, "drain");
    }
    to.end();
  }

  /** @param {Buffer} chunk */
  async #trickle(chunk) {
    const piece = Math.ceil(this.#bytesPerSecond / TRICKLES_PER_SECOND);
    for (let sent = 0; sent < chunk.length && this.open; sent += piece) {
      this.#client.write(chunk.subarray(sent, sent + piece));
      await sleep(1000 / TRICKLES_PER_SECOND);
    }
  }
}

export class Proxy {
  #server;
  /** @type {Set<Link>} */
  #links = new Set();
  #refusing = false;
  #deafening = false;
  #bytesPerSecond = 0;

  /** @param {Server} server */
  constructor(server) {
    this.#server = server;
  }

  /** Starts a proxy to that port of this machine. @param {number} port */
  static async start(port) {
    const server = createServer((client) => proxy.#add(new Link(client, port, proxy.#bytesPerSecond)));
    const proxy = new Proxy(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  get url() {
    return `http://127.0.0.1:${/** @type {AddressInfo} */ (this.#server.address()).port}`;
  }

  /** The connections that are open now. */
  get links() {
    for (const link of this.#links) if (!link.open) this.#links.delete(link);
    return [...this.#links];
  }

  /** Ends all faults: connections that are open go on as they should. */
  heal() {
    for (const link of this.links) {
      link.delay(0);
      link.resume();
    }
  }

  /** Lets the connections that begin from now on carry no more to the client. @param {number} bytesPerSecond */
  slow(bytesPerSecond) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Cuts everything, and lets nobody connect any more. */
  down() {
    this.#refusing = true;
    for (const link of this.links) link.cut();
  }

  up() {
    this.#refusing = false;
  }

  /** Loses all that the server sends, also on new connections, until `hear`. */
  deafen() {
    this.#deafening = true;
    for (const link of this.links) link.deafen();
  }

  /** Cuts what has lost something, and loses nothing any more. */
  hear() {
    this.#deafening = false;
    for (const link of this.links) link.cut();
  }

  close() {
    this.#server.close();
    for (const link of this.links) link.cut();
  }

  /** @param {Link} link */
  #add(link) {
    if (this.#deafening) link.deafen();
    if (this.#refusing) link.cut();
    else this.#links.add(link);
  }
}
