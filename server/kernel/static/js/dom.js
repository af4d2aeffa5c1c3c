// Making elements without markup: text stays text.
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";
const sprite = document.querySelector("svg.ti use")?.getAttribute("href")?.split("#")[0] ?? "";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "ti");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

export const csrf = () => document.querySelector('meta[name="wd-csrf"]')?.content ?? "";
export const isField = (node) => node instanceof Element && (node.matches("input:not([type=checkbox]):not([type=radio]):not([type=submit]), textarea, select, [contenteditable]") || node.isContentEditable);
export const zone = () => document.body.dataset.zone || undefined;
export const clock = (at) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone() }).format(at);
