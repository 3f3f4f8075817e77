// What each proxy is configured with: the blocks of docs/proxies.md, word for word but for ports and
// files, and what stands around them on any machine.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/**
 * `host`: a host of its own. `passing`, `stripping`: below /chat/, which the proxy passes on or takes
 * away. `bare`: as little as a proxy takes, over http.
 * @typedef {"host" | "passing" | "stripping" | "bare"} Kind
 * @typedef {"nginx" | "haproxy" | "caddy"} Proxy
 * @typedef {{ dir: string, port: number, upstream: number }} Place
 */

const NAMES = { nginx: "nginx", haproxy: "HAProxy", caddy: "Caddy" };
const SECTIONS = { host: "", passing: " passes it on", stripping: " takes it away" };

const document = readFileSync(new URL("../../docs/proxies.md", import.meta.url), "utf8");

/** The one block below a heading. @param {string} heading */
function blockOf(heading) {
  const section = document.split(/^#{2,3} /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  const blocks = [...section.matchAll(/^```\w+\n(.*?)^```$/gms)];
  assert.equal(blocks.length, 1, `blocks below "${heading}" in docs/proxies.md`);
  return blocks[0][1];
}

/** @param {Proxy} proxy @param {Exclude<Kind, "bare">} kind */
const documented = (proxy, kind) => blockOf(NAMES[proxy] + SECTIONS[kind]);

/**
 * Puts other values in place of those of the document; each must be there.
 * @param {string} text @param {Record<string, string>} values
 */
function fit(text, values) {
  for (const [from, to] of Object.entries(values)) {
    assert.ok(text.includes(from), `no ${from} in:\n${text}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** The part of a block that begins with `start` at the beginning of a line. @param {string} text @param {string} start */
function part(text, start) {
  const from = text.search(new RegExp(`^${start}`, "m"));
  assert.ok(from >= 0, `no ${start} in:\n${text}`);
  const length = text.slice(from).search(/\n\n|$(?![\s\S])/);
  return text.slice(from, from + length);
}

/** @type {Record<Proxy, (kind: Kind, place: Place) => string>} */
const WRITTEN = {
  nginx(kind, { dir, port, upstream }) {
    const inner = { "127.0.0.1:5000": `127.0.0.1:${upstream}` };
    const tls = {
      "listen 443 ssl http2": `listen 127.0.0.1:${port} ssl http2`,
      "/etc/ssl/chat.example.pem": `${dir}/certificate.pem`,
      "/etc/ssl/chat.example.key": `${dir}/key.pem`,
    };
    const own = documented("nginx", "host");
    let servers;
    if (kind === "host") servers = fit(own, { ...inner, ...tls });
    else if (kind === "bare") {
      servers = `server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${upstream}; } }`;
    } else {
      const location = fit(documented("nginx", kind), inner);
      const outer = fit(own.replace(/ {4}location[\s\S]*? {4}\}\n/, () => location), tls);
      assert.ok(!outer.includes("location / "));
      servers = outer;
    }
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    return `daemon off; master_process off; pid ${dir}/pid; events {}
http {
access_log off;
${temporary.map((name) => `${name}_temp_path ${dir}/${name};`).join("\n")}
${servers}
}
`;
  },

  haproxy(kind, { dir, port, upstream }) {
    const inner = { "127.0.0.1:5000": `127.0.0.1:${upstream}` };
    const own = documented("haproxy", "host");
    if (kind === "bare") {
      // The times are those of Debian's own configuration.
      return `defaults
    mode http
    timeout connect 5000
    timeout client 50000
    timeout server 50000
listen web
    bind 127.0.0.1:${port}
    server visavis 127.0.0.1:${upstream}
`;
    }
    const text = kind === "host" ? own : `${part(own, "defaults")}\n\n${documented("haproxy", kind)}`;
    const tls = { "bind :443": `bind 127.0.0.1:${port}`, "/etc/ssl/chat.example.both.pem": `${dir}/both.pem` };
    return fit(text, { ...inner, ...tls });
  },

  caddy(kind, { dir, port, upstream }) {
    const around = "{\n  admin off\n  auto_https disable_redirects\n}\n";
    const address = `127.0.0.1:${port}`;
    if (kind === "bare") return `${around}http://${address} {\n  reverse_proxy 127.0.0.1:${upstream}\n}\n`;
    const name = kind === "host" ? "chat.example {" : "example.org {";
    const tls = `tls ${dir}/certificate.pem ${dir}/key.pem`;
    return around + fit(documented("caddy", kind), {
      "127.0.0.1:5000": `127.0.0.1:${upstream}`,
      [name]: `https://${address} {\n    ${tls}`,
    });
  },
};

/** The text of a configuration file. @param {Proxy} proxy @param {Kind} kind @param {Place} place */
export function configure(proxy, kind, place) {
  return WRITTEN[proxy](kind, place);
}
