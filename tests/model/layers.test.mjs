// Who may know whom in the client, and by which ways text never becomes markup.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

const ROOT = "static/js";

/** What the files of each folder may import. An entry of the build is in no folder. */
const MAY_IMPORT = {
  model: ["model"],
  storage: ["storage", "model"],
  connection: ["connection", "model", "vendor/socket_io.js"],
  view: ["view", "model", "vendor/lit.js"],
  features: ["model", "view", "vendor/lit.js"],
  app: ["app", "connection", "model", "storage", "view"],
  find: ["find"],
  vendor: [],
  "": ["app", "features/index.js", "find", "menu.js", "storage", "view"],
};

const files = /** @type {string[]} */ (readdirSync(ROOT, { recursive: true }))
  .filter((file) => file.endsWith(".js"))
  .map((file) => ({ file, text: readFileSync(join(ROOT, file), "utf8") }));

/** The files that a module imports; names of packages as they are. @param {{ file: string, text: string }} module */
function imports({ file, text }) {
  const found = [...text.matchAll(/^(?:import|export)\s[^;]*?from "([^"]+)";|^import "([^"]+)";/gm)];
  return found.map(([, from, alone]) => {
    const name = from ?? alone;
    return name.startsWith(".") ? normalize(join(dirname(file), name)) : `package ${name}`;
  });
}

test("each folder of the client knows only those that it may know", () => {
  assert.ok(files.length > 20, `only ${files.length} files found`);
  for (const module of files) {
    const folder = dirname(module.file) === "." ? "" : dirname(module.file);
    const may = MAY_IMPORT[/** @type {keyof typeof MAY_IMPORT} */ (folder)];
    assert.ok(may, `${module.file} is in a folder that has no rule`);
    for (const imported of imports(module)) {
      if (folder === "vendor") assert.match(imported, /^package /, module.file);
      else assert.ok(may.some((place) => imported === place || imported.startsWith(`${place}/`)), `${module.file}: ${imported}`);
    }
  }
});

test("the model and what is connected know no document", () => {
  for (const { file, text } of files.filter(({ file }) => /^(model|connection|storage)\//.test(file))) {
    assert.doesNotMatch(text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, ""), /\b(document|HTMLElement|querySelector)\b/, file);
  }
});

test("text never becomes markup", () => {
  const ways = /unsafe(HTML|SVG|MathML|Static)|unsafeStatic|innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|document\.write|\beval\b|new Function|srcdoc/;
  for (const { file, text } of files) assert.doesNotMatch(text, ways, file);
});

test("a feature is known to nobody by its name", () => {
  const names = readdirSync(join(ROOT, "features")).filter((name) => name.endsWith(".js"));
  assert.ok(names.length >= 5, `only ${names.length} features found`);
  for (const module of files) {
    for (const imported of imports(module)) {
      assert.ok(!imported.startsWith("features/") || imported === "features/index.js", `${module.file}: ${imported}`);
    }
  }
  for (const name of names) {
    const { text } = files.find(({ file }) => file === `features/${name}`) ?? { text: "" };
    assert.match(text, /^export default function/m, `${name} exports no feature`);
  }
});
