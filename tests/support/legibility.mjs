// What can be seen of a page, asked in the page itself. Each function gives sentences about what is
// wrong, and runs in the browser, so it can call nothing of this file.

/**
 * Texts that are cut off or lie over one another, controls that are covered, and pages that are wider
 * than the window. What scrolls may be out of view, and what is for the ear only is not looked at.
 * @returns {string[]}
 */
export function illegible() {
  /** @type {string[]} */
  const faults = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`the page is ${scrollWidth} px wide in a window of ${clientWidth}`);
  const root = document.querySelector("dialog[open]") ?? document.body;

  /** @param {Element} element */
  const ancestors = (element) => {
    const found = [];
    for (let each = element; each !== document.documentElement && each.parentElement; each = each.parentElement) found.push(each);
    return found;
  };
  /** @param {Element} element */
  const isForTheEye = (element) =>
    element.checkVisibility({ visibilityProperty: true }) &&
    !ancestors(element).some((each) => getComputedStyle(each).clipPath !== "none" || each.matches(".skip-link"));
  /**
   * The part of a box that scrolling leaves in view, and whether something cuts off more than that.
   * @param {Element} element @param {DOMRect} rect
   */
  const seen = (element, rect) => {
    let { left, right, top, bottom } = rect;
    let isCut = false;
    for (const each of ancestors(element)) {
      const { overflowX, overflowY } = getComputedStyle(each);
      const box = each.getBoundingClientRect();
      if (/auto|scroll/.test(overflowY)) [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
      else if (/hidden|clip/.test(overflowY)) isCut ||= top < box.top - 2 || bottom > box.bottom + 2;
      if (/auto|scroll/.test(overflowX)) [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
      else if (/hidden|clip/.test(overflowX)) isCut ||= left < box.left - 2 || right > box.right + 2;
    }
    return { left, right, top, bottom, isCut, isShown: right > left && bottom > top };
  };

  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const [element, text] = [node.parentElement, node.textContent?.trim() ?? ""];
    if (!element || text === "" || !isForTheEye(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      const part = seen(element, rect);
      if (!part.isShown) continue;
      if (part.isCut) faults.push(`“${text.slice(0, 30)}” is cut off`);
      if (part.left < -2 || part.right > clientWidth + 2) faults.push(`“${text.slice(0, 30)}” is beside the window`);
      texts.push({ element, text, ...part });
    }
  }
  for (const [index, one] of texts.entries()) {
    for (const other of texts.slice(index + 1)) {
      // These lie over the messages for good reason, on a ground of their own.
      if ([one, other].some(({ element }) => element.closest(".connection-banner, .jump"))) continue;
      if (one.element.contains(other.element) || other.element.contains(one.element)) continue;
      const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      // Fonts are a little higher than their letters.
      if (width <= 2 || height <= 0.25 * Math.min(one.bottom - one.top, other.bottom - other.top)) continue;
      faults.push(`“${one.text.slice(0, 30)}” lies over “${other.text.slice(0, 30)}”`);
    }
  }
  for (const control of root.querySelectorAll("a[href], button, input:not([type=hidden]), textarea")) {
    if (!isForTheEye(control)) continue;
    const name = `${control.tagName} “${(control.textContent || control.id).trim().slice(0, 30)}”`;
    control.scrollIntoView({ block: "nearest" });
    // A link that goes on in the next line has no middle.
    const [rect] = control.getClientRects();
    const { left, right, top, bottom, isCut, isShown } = seen(control, rect);
    if (!isShown) faults.push(`${name} cannot be scrolled into view`);
    if (isCut) faults.push(`${name} is cut off`);
    const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    if (isShown && (!hit || !(control.contains(hit) || hit.contains(control)))) {
      faults.push(`${name} is covered by ${hit?.outerHTML.slice(0, 60)}`);
    }
  }
  return [...new Set(faults)];
}

/**
 * Controls and bubbles of which forced colours leave no border.
 * @returns {string[]}
 */
export function withoutShape() {
  const shapes = [
    ...["button", "input:not([type=hidden], .visually-hidden)", "textarea", "a.btn", "a.card", ".card", "dialog[open]"],
    ...[".my-message", ".chat-partner-message", ".dot", ".avatar", ".connection-banner", ".notice", ".session-current"],
  ];
  const canvas = getComputedStyle(document.body).backgroundColor;
  const faults = [];
  for (const element of document.querySelectorAll(shapes.join(", "))) {
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const isSeen = !/^rgba\(.*, 0\)$/.test(style.borderBottomColor) && style.borderBottomColor !== canvas;
    const isBordered = style.borderBottomStyle !== "none" && parseFloat(style.borderBottomWidth) > 0 && isSeen;
    if (!isBordered && !style.textDecorationLine.includes("underline")) faults.push(element.outerHTML.slice(0, 80));
  }
  return faults;
}

/**
 * What has the focus: nothing, or a description, its place in the page, and whether the eye can tell.
 * @returns {{ what: string, place: number, isSeen: boolean } | null}
 */
export function focused() {
  const element = document.activeElement;
  if (!element || element === document.body || element === document.documentElement) return null;
  const { top, bottom, left, right } = element.getBoundingClientRect();
  const isInView = bottom > 0 && right > 0 && top < innerHeight && left < innerWidth;
  const isRinged = [getComputedStyle(element), getComputedStyle(element, "::after")].some(
    ({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
  );
  const name = (element.textContent || element.getAttribute("aria-label") || element.id).trim().slice(0, 30);
  const place = [...document.querySelectorAll("*")].indexOf(element);
  return { what: `${element.tagName} “${name}”`, place, isSeen: isInView && isRinged };
}

/** The controls that a keyboard should reach, in the order of the page. @returns {number} */
export function reachable() {
  const root = document.querySelector("dialog[open]") ?? document;
  const controls = [...root.querySelectorAll("a[href], button, input, textarea, [tabindex='0']")];
  return controls.filter((control) => {
    if (!(control instanceof HTMLElement)) return false;
    const hidden = control.matches("[tabindex='-1'], [type=hidden], :disabled");
    return !hidden && control.checkVisibility({ visibilityProperty: true });
  }).length;
}
