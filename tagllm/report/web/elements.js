// Elements out of values. Strings become text nodes: nothing that a note or a model says is ever parsed as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, set] of Object.entries(value)) element.style.setProperty(key, set);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/** An HTML element: name, attributes (`on…` are listeners, `style` an object), children. */
const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);

/** An SVG element. */
const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

/** A note's or model's words: their direction stays within them. */
const said = (text, name = "span", attributes = {}) => el(name, { dir: "auto", ...attributes }, text);

const byId = (id) => document.getElementById(id);

const count = (number) => Number(number).toLocaleString("en-US");

const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(part === whole ? 0 : 1)} %` : "–");

function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 60000) return `${(value / 60000).toFixed(1)} min`;
  if (value >= 1000) return `${(value / 1000).toFixed(value >= 10000 ? 1 : 2)} s`;
  return `${value.toFixed(value >= 10 ? 0 : value >= 1 ? 1 : 2)} ms`;
}

function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 60) return `${value.toFixed(1)} s`;
  const minutes = Math.floor(value / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(value % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const metric = (value, unit) =>
  value === null || value === undefined ? "–" : `${value.toFixed(unit === "%" ? 1 : 2)}${unit === "%" ? " %" : ` ${unit}`}`;

/** As texts are compared: width and case do not matter. */
const plain = (text) => (/[^\x00-\x7f]/.test(text) ? text.normalize("NFKC") : text).toLowerCase();

const clear = (element) => element.replaceChildren();
