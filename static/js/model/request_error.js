// How a request fails.

/** Why a request was not answered, or was answered with a refusal; the message is for the user. */
export class RequestError extends Error {
  /**
   * @param {string} sentence
   * @param {string} code the server's; or `disconnected`: it was not asked; `lost`: the connection broke before the
   *   answer; `timeout`: no answer came in time
   * @param {number} [retryAfter] with `too_often`: in how many seconds to ask again
   */
  constructor(sentence, code, retryAfter = 1) {
    super(sentence);
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether what was asked may have been done. */
  get isOpen() {
    return this.code === "timeout" || this.code === "lost";
  }

  /** Whether the next connection will ask again. */
  get isOfConnection() {
    return this.isOpen || this.code === "disconnected";
  }
}
