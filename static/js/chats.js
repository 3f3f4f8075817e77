// Starts the page of chats.

import { ChatPage } from "./chat_page.js";

new ChatPage().start();
