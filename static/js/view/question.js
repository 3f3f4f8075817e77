// A question that stands before the page until it is answered.

import { html, render } from "../vendor/lit.js";

/**
 * @typedef {object} Question
 * @property {unknown} title
 * @property {string} text
 * @property {string} confirm what the button says that does it
 * @property {() => unknown} act does it; where it rejects, the question stays and says why
 * @property {() => void} [onClose] the question was answered
 */

/**
 * Asks. Gives what takes the question back.
 * @param {Question} question
 * @returns {() => void}
 */
export function ask({ title, text, confirm, act, onClose }) {
  const place = document.createElement("div");
  let failure = "";
  const close = () => place.querySelector("dialog")?.close();
  const closed = () => {
    place.remove();
    onClose?.();
  };
  const confirmed = async () => {
    failure = "";
    draw();
    try {
      await act();
      close();
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      draw();
    }
  };
  const draw = () =>
    render(
      html`<dialog
        class="question"
        closedby="any"
        aria-labelledby="question-title"
        aria-describedby="question-text"
        @close=${closed}
      >
        <h2 id="question-title">${title}</h2>
        <p id="question-text">${text}</p>
        <p class="question-failure" role="alert">${failure}</p>
        <div class="question-ways">
          <button class="cancel btn btn-quiet" type="button" @click=${close}>Cancel</button>
          <button class="confirm btn btn-danger" type="button" @click=${confirmed}>${confirm}</button>
        </div>
      </dialog>`,
      place,
    );
  draw();
  document.body.append(place);
  place.querySelector("dialog")?.showModal();
  return close;
}
