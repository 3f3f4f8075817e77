// Starts the page of chats.

import { ChatsPage } from "./app/chats_page.js";
import features from "./features/index.js";

new ChatsPage(features).start();
