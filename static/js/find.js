// Starts the find page.

import { PeopleSearch } from "./people_search.js";

new PeopleSearch(document).start();
