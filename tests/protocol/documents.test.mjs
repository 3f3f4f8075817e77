// What is written of the protocol can be read by programs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { Parser } from "@asyncapi/parser";

import { NOTIFICATIONS, REQUESTS } from "../support/protocol.mjs";

test("the description of the protocol is a valid document of AsyncAPI, with every event", async () => {
  const text = await readFile(new URL("../../docs/asyncapi.json", import.meta.url), "utf8");
  const { document, diagnostics } = await new Parser().parse(text);
  assert.deepEqual(diagnostics.filter(({ severity }) => severity === 0), []);
  const operations = document?.operations().all().map((operation) => operation.id());
  assert.deepEqual(operations?.toSorted(), [...REQUESTS[1], ...REQUESTS[2], ...NOTIFICATIONS].toSorted());
});
