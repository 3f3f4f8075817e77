// A client script in the manner of the original's: it knows the global `io`, the page's hooks and
// the three events, and nothing that visavis has added.

const socket = io();
const panel = document.querySelector("#right-panel");
let partnerId = null;
let history = null;
let count = 0;
let allLoaded = false;

for (const chat of document.querySelectorAll(".chats .chat")) {
  chat.querySelector(":scope > button").addEventListener("click", () => open(chat));
}

function idOf(chat) {
  return chat.querySelector(":scope > input[name=chat_partner_id]").getAttribute("value");
}

function chatWith(id) {
  return [...document.querySelectorAll(".chats .chat")].find((chat) => idOf(chat) === String(id));
}

function showCount(chat, count) {
  const dot = chat.querySelector(":scope > span");
  dot.className = count > 0 ? "dot" : "dot-none";
  dot.textContent = count;
}

function draw(text, timestamp, mine) {
  const [date, time] = timestamp.split(" ");
  const [year, month, day] = date.split("-");
  const [hours, minutes, seconds] = time.split(":");
  const local = new Date(Date.UTC(year, month - 1, day, hours, minutes, seconds));
  if (Number.isNaN(local.getTime())) throw new Error(`not a timestamp: ${timestamp}`);
  const message = document.createElement("div");
  message.className = mine ? "my-message" : "chat-partner-message";
  const body = document.createElement("div");
  body.textContent = text;
  const when = document.createElement("div");
  when.className = "message-date";
  when.textContent = local.toLocaleString();
  message.append(body, when);
  return message;
}

function open(chat) {
  document.querySelector(".chat-active")?.classList.remove("chat-active");
  chat.classList.add("chat-active");
  partnerId = idOf(chat);
  if (panel.firstChild.id !== "right-panel-top") throw new Error("another first child");
  while (panel.firstChild !== panel.lastChild) panel.lastChild.remove();
  panel.firstChild.textContent = chat.querySelector(":scope > button").textContent;

  history = document.createElement("div");
  history.id = "message-history";
  const bottom = document.createElement("div");
  bottom.id = "right-panel-bottom";
  const box = document.createElement("textarea");
  box.id = "message";
  const button = document.createElement("button");
  button.id = "btn-send-message";
  const icon = document.createElement("img");
  icon.src = "static/send_icon.png";
  button.append(icon);
  bottom.append(box, button);
  panel.append(history, bottom);
  button.addEventListener("click", () => send(box));

  socket.emit("join_chat", { chat_partner_id: partnerId }, (messages, newMessageCount) => {
    let unread = newMessageCount;
    count = newMessageCount;
    for (const row of messages) {
      const mine = String(row.sender_id) !== partnerId;
      history.prepend(draw(row.message, row.timestamp, mine));
      if (mine || unread === 0) continue;
      unread -= 1;
      if (unread > 0) continue;
      const separator = document.createElement("span");
      separator.className = "new-message-separator";
      separator.textContent = "New Messages";
      history.prepend(separator);
    }
    history.scrollTop = history.scrollHeight;
    allLoaded = messages.length === 0;
    watchTop();
    const seen = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting || count === 0) return;
      read(0);
    });
    if (history.lastElementChild) seen.observe(history.lastElementChild);
  });
}

// Asks for older messages when the oldest one comes into view.
function watchTop() {
  const oldest = history.querySelector(".my-message, .chat-partner-message");
  if (!oldest || allLoaded) return;
  const box = history;
  const top = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    top.disconnect();
    const shown = box.querySelectorAll(".my-message, .chat-partner-message").length;
    const question = { chat_partner_id: partnerId, message_count: shown };
    socket.emit("message_history_is_scrolled_to_the_top", question, (older) => {
      if (box !== history) return;
      const height = box.scrollHeight;
      for (const row of older) {
        box.prepend(draw(row.message, row.timestamp, String(row.sender_id) !== partnerId));
      }
      box.scrollTop += box.scrollHeight - height;
      allLoaded = older.length === 0;
      watchTop();
    });
  });
  top.observe(oldest);
}

function read(newCount) {
  count = newCount;
  showCount(chatWith(partnerId), count);
  const question = { chat_partner_id: partnerId, new_message_count: count };
  socket.emit("new_message_count_updated", question);
}

function send(box) {
  const message = box.value;
  socket.emit("message_sent", { message, chat_partner_id: partnerId }, (ack) => {
    if ("failure" in ack) {
      alert("failure");
      return;
    }
    history.append(draw(message, ack.timestamp, true));
    history.scrollTop = history.scrollHeight;
    box.value = "";
    document.querySelector(".chats").prepend(chatWith(partnerId));
  });
}

socket.on("new_user_sent_message", ({ username, id }) => {
  document.querySelector(".nobody")?.remove();
  const chat = document.createElement("div");
  chat.className = "chat";
  const input = document.createElement("input");
  input.type = "hidden";
  input.name = "chat_partner_id";
  input.setAttribute("value", id);
  const button = document.createElement("button");
  button.textContent = username;
  button.addEventListener("click", () => open(chat));
  const dot = document.createElement("span");
  chat.append(input, button, dot);
  document.querySelector(".chats").prepend(chat);
  showCount(chat, 1);
});

socket.on("message_received_from_current_chat", ({ message, timestamp }) => {
  // Throws when no chat is open, as the original does.
  history.append(draw(message, timestamp, false));
  history.scrollTop = history.scrollHeight;
  document.querySelector(".chats").prepend(chatWith(partnerId));
  read(0);
});

socket.on("message_received_from_another_chat", ({ chatPartnerId }) => {
  const chat = chatWith(chatPartnerId);
  showCount(chat, Number(chat.querySelector(":scope > span").textContent) + 1);
  document.querySelector(".chats").prepend(chat);
});
