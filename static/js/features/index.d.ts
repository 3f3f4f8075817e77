import type { ChatsPage } from "../app/chats_page.js";

/** Adds something to the page, before it starts. */
export type Feature = (page: ChatsPage) => void;

/** All files of this folder. The build writes the list. */
declare const features: Feature[];
export default features;
