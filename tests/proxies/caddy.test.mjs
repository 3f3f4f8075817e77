import { keepsPromises } from "./promises.mjs";

keepsPromises("caddy");
