// Starts the page of chats.

import { ChatsPage } from "./app/chats_page.js";
import features from "./features/index.js";
import { forgetLoggedOut } from "./storage/logged_out.js";

forgetLoggedOut(document);
new ChatsPage(features).start();
