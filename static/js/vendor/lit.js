// The door to lit-html: browsers know no names of packages, and the build turns this file into one that
// needs none.

export { html, nothing, render } from "lit-html";
export { guard } from "lit-html/directives/guard.js";
export { keyed } from "lit-html/directives/keyed.js";
export { live } from "lit-html/directives/live.js";
export { repeat } from "lit-html/directives/repeat.js";
