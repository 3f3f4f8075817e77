// Starts the find page.

import { PeopleSearch } from "./find/people_search.js";

new PeopleSearch(document).start();
