// The login page is where a logout leads to.

import { forgetLoggedOut } from "./storage/logged_out.js";

forgetLoggedOut(document);
