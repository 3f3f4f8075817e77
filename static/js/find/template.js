// Markup comes from the page's <template> elements.

/**
 * The content of a template, to be filled and placed.
 * @param {string} id
 * @returns {DocumentFragment}
 */
export function draw(id) {
  const template = document.getElementById(id);
  if (!(template instanceof HTMLTemplateElement)) throw new Error(`the page has no template ${id}`);
  return document.importNode(template.content, true);
}

/**
 * The one element that the page's template is known to have.
 * @template {Element} [E=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {E}
 */
export function find(root, selector) {
  const element = root.querySelector(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return /** @type {E} */ (/** @type {unknown} */ (element));
}
