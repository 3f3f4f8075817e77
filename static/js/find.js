// Starts the find page.

import "./menu.js";
import { PeopleSearch } from "./find/people_search.js";

new PeopleSearch(document).start();
