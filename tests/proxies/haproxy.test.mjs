import { keepsPromises } from "./promises.mjs";

keepsPromises("haproxy");
