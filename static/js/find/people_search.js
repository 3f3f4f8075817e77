// Looks people up by the beginning of their names.

import { draw, find } from "./template.js";

/** @typedef {{ id: number, username: string }} Person */

/** How many people the server tells of at most. */
const FOUND_MAX = 100;

export class PeopleSearch {
  /** @type {HTMLInputElement} */
  #box;
  #button;
  #names;
  #status;
  #search = new AbortController();

  /** @param {ParentNode} page */
  constructor(page) {
    this.#box = find(page, "input[name=username]");
    this.#button = find(page, "#search-btn");
    this.#names = find(page, "#names");
    this.#status = find(page, "#find-status");
  }

  start() {
    this.#button.addEventListener("click", () => this.#run());
    this.#box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) this.#run();
    });
    // Somebody may have typed, and pressed Enter, before this script was there.
    if (this.#box.value) this.#run();
  }

  async #run() {
    // Only the last search may show what it found.
    this.#search.abort();
    this.#search = new AbortController();
    const { signal } = this.#search;
    try {
      const people = await this.#ask(this.#box.value, signal);
      this.#show(people);
    } catch (error) {
      if (signal.aborted) return;
      this.#names.replaceChildren();
      this.#say(error instanceof Refused ? error.message : "The server cannot be reached. Try again.");
    }
  }

  /**
   * @param {string} username
   * @param {AbortSignal} signal
   * @returns {Promise<Person[]>}
   */
  async #ask(username, signal) {
    const response = await fetch("find", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username }),
      redirect: "manual",
      signal,
    });
    if (response.type === "opaqueredirect") {
      // Nobody is logged in any more; the page itself leads to the login.
      location.assign("find");
      return [];
    }
    if (!response.ok) {
      const answer = await response.json().catch(() => null);
      throw new Refused(answer?.failure ?? "Something went wrong. Try again.");
    }
    return response.json();
  }

  /** @param {Person[]} people */
  #show(people) {
    this.#names.replaceChildren(...people.map((person) => drawPerson(person)));
    if (people.length === 0) this.#say("Nobody found.");
    else if (people.length < FOUND_MAX) this.#say(people.length === 1 ? "1 person" : `${people.length} people`);
    else this.#say(`The first ${FOUND_MAX} people. Type more of the name to see others.`);
  }

  /** @param {string} sentence */
  #say(sentence) {
    this.#status.textContent = sentence;
  }
}

/** The server's own sentence about why it did not search. */
class Refused extends Error {}

/** @param {Person} person */
function drawPerson({ id, username }) {
  const row = find(draw("person-template"), "tr");
  const name = find(row, ".person-name");
  name.textContent = username;
  name.id = `person-${id}`;
  find(row, "input[name=id]").setAttribute("value", String(id));
  find(row, "button").setAttribute("aria-describedby", name.id);
  return row;
}
