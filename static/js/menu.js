// The menu of a person's other pages: a logout there forgets the same as on the page of chats.

import { hasUnsent } from "./storage/person_storage.js";
import { askBeforeLogOut, logOutLink } from "./view/log_out.js";

const link = logOutLink();
if (link) askBeforeLogOut(() => hasUnsent(Number(link.dataset.userId), link.href));
