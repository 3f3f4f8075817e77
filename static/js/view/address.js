// Which chat is open stands in the address, so that a reload opens it again and, on a phone, going
// back leads from the chat to the list.

const PATTERN = /^#chat-(\d+)$/;

export class Address {
  /** @param {(chatId: number | null) => void} onChange the visitor went back or forward */
  constructor(onChange) {
    window.addEventListener("popstate", () => onChange(this.chatId));
  }

  /** @returns {number | null} */
  get chatId() {
    const found = PATTERN.exec(location.hash);
    return found ? Number(found[1]) : null;
  }

  /** @param {number} chatId */
  enter(chatId) {
    const url = `#chat-${chatId}`;
    // From chat to chat no steps are left behind: back always leads to the list.
    if (this.chatId === null) history.pushState({ fromList: true }, "", url);
    else history.replaceState(history.state, "", url);
  }

  /** Leads back to the list; the change is told when it has happened. */
  leave() {
    if (history.state?.fromList) {
      history.back();
    } else {
      history.replaceState(null, "", location.pathname);
      window.dispatchEvent(new PopStateEvent("popstate"));
    }
  }
}
