// The round mark beside a name. The page of chats is drawn with the same rules by the server.

/** How many colours avatar.css has. */
const COLOURS = 6;

/**
 * @param {Element} avatar
 * @param {number} id
 * @param {string} username
 */
export function paintAvatar(avatar, id, username) {
  const [letter = ""] = username;
  avatar.textContent = letter.toUpperCase();
  avatar.className = `avatar avatar-${id % COLOURS}`;
}
