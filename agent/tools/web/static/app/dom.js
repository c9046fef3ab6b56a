// Elements, made without markup: every text of a document becomes a text node, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element. `props`: attributes; `on`: event listeners; `text`: its text. Children may be null. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Makes an element of SVG. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, { on = {}, text = null, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  if (text !== null) node.textContent = text;
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Sets an attribute if it differs; null and false remove it. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value === true ? "" : String(value));
  }
}

/** Sets the text of an element that has only text, if it differs. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Puts `nodes` into `parent` in this order and removes the others. Nodes at their place are not touched. */
export function arrange(parent, nodes) {
  const focused = parent.contains(document.activeElement) ? document.activeElement : null;
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const node of nodes) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

/** The rows of a list by key: makes new ones, updates those that stay, removes the others. */
export class Rows {
  /** @param {(item) => {node, update}} make */
  constructor(make) {
    this.make = make;
    this.rows = new Map();
  }

  get(key, item) {
    let row = this.rows.get(key);
    if (row === undefined) this.rows.set(key, (row = this.make(item)));
    row.update(item);
    return row;
  }

  keep(keys) {
    for (const key of this.rows.keys()) if (!keys.has(key)) this.rows.delete(key);
  }
}
