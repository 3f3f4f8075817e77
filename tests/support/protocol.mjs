// The events as the server declares them (docs/asyncapi.json): their names, and whether what a server has
// sent is what it says that it sends.

import { readFileSync } from "node:fs";

import { Ajv } from "ajv";

const declared = JSON.parse(readFileSync(new URL("../../docs/asyncapi.json", import.meta.url), "utf8"));

/** @typedef {1 | 2} Protocol */

/** @param {"receive" | "send"} action as the server sees it @param {Protocol[]} protocols */
const named = (action, ...protocols) =>
  Object.entries(declared.operations)
    .filter(([, operation]) => operation.action === action)
    .filter(([, operation]) => protocols.some((protocol) => operation.tags[0].name === `protocol ${protocol}`))
    .map(([name]) => name);

/** Every event that clients of a protocol may send. */
export const REQUESTS = { 1: named("receive", 1), 2: named("receive", 2) };
/** Every event that the server may send. */
export const NOTIFICATIONS = named("send", 1, 2);

const ajv = new Ajv({ strict: false, validateSchema: false });
ajv.addSchema(closed(declared), "protocol");

/**
 * The same schema, in which objects have no other fields than those that stand there.
 * @param {any} schema @returns {any}
 */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return schema.type === "object" && schema.properties ? { ...copy, additionalProperties: false } : copy;
}

/** @param {string} message @param {unknown} payload @returns {string | undefined} what is wrong with it */
function fault(message, payload) {
  const check = ajv.getSchema(`protocol#/components/messages/${message}/payload`);
  if (!check) return "nothing is declared under that name";
  return check(payload) ? undefined : ajv.errorsText(check.errors);
}

/**
 * Throws when the server does not declare what it has sent.
 * @param {"event" | "ack"} kind @param {string} event @param {unknown[]} args
 */
export function mustBeDeclared(kind, event, args) {
  const isFailure = kind === "ack" && args.length === 1 && typeof args[0] === "object" && args[0] !== null && "failure" in args[0];
  const found =
    kind === "event"
      ? args.length === 1
        ? fault(event, args[0])
        : `it has ${args.length} arguments`
      : isFailure
        ? fault("failure", args[0])
        : fault(`${event}.answer`, args);
  if (found) throw new Error(`the ${kind} ${event} is not as declared: ${found}: ${JSON.stringify(args).slice(0, 300)}`);
}
