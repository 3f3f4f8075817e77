// Which chat the server regards as open here: the messages of that one come with all they say,
// those of the others only as news.

import { RequestError } from "./socket.js";

/** @import { Row } from "./message_element.js" */
/** @import { Connection } from "./socket.js" */

/** How many messages a join asks for after so many answers that did not come in time: fewer each time. */
const AT_MOST = [undefined, 100, 20];

export class JoinedChat {
  #connection;
  #id = 0;
  #attempts = 0;
  #answered = 0;

  /** @param {Connection} connection */
  constructor(connection) {
    this.#connection = connection;
  }

  /** Stays what it was until the server has acknowledged another join. */
  get id() {
    return this.#id;
  }

  /**
   * Rejects with a RequestError.
   * @param {number} chatId
   * @param {(rows: Row[], newMessageCount: number, lastReadId: number, blocked: boolean) => void} show gets the
   *   newest messages, newest first, before any later one is heard of
   */
  async join(chatId, show) {
    this.#attempts += 1;
    const attempt = this.#attempts;
    const timeouts = this.#connection.timeoutsOf("join_chat");
    const at_most = AT_MOST[Math.min(timeouts, AT_MOST.length - 1)];
    const question = { chat_partner_id: chatId, at_most, with_state: true };
    try {
      await this.#connection.request("join_chat", question, (rows, count, joined) => {
        // An answer that is overtaken does not undo a newer one. While a newer one is on its way,
        // this chat is the one that the server may speak of.
        if (attempt < this.#answered) return;
        this.#answered = attempt;
        this.#id = chatId;
        show(rows, count, joined.last_read_id, joined.blocked);
      });
    } catch (error) {
      // Whether the server has joined that chat or not is unknown: begin anew.
      if (error instanceof RequestError && error.code === "timeout") this.#connection.restart();
      throw error;
    }
  }
}
