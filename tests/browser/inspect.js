// What a page shows, as facts for a test to judge. Evaluated by the debugger, which the policy of the page does not bind.
// Initials in a disc are a mark; text of no size is for those who listen.
() => {
  const seen = (node) => {
    const box = node.getBoundingClientRect(), style = getComputedStyle(node);
    return box.width > 1 && box.height > 1 && style.visibility !== "hidden" && style.clipPath === "none" && style.opacity !== "0";
  };
  const name = (node) => {
    const cls = typeof node.className === "string" ? node.className : node.getAttribute("class") ?? "";
    return `${node.tagName.toLowerCase()}${node.id ? `#${node.id}` : ""}${cls ? `.${cls.trim().split(/\s+/).join(".")}` : ""}`;
  };
  const pixels = (node) => {
    const size = parseFloat(getComputedStyle(node).fontSize);
    return node instanceof SVGElement && node.getScreenCTM ? size * (node.getScreenCTM()?.a ?? 1) : size;
  };
  const texts = new Set(), small = new Set(), foreign = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const text = node.textContent.replace(/\s+/g, " ").trim(), holder = node.parentElement;
    if (!text || holder.closest("script, style, noscript, template, dialog:not([open]), [hidden]") || !seen(holder)) continue;
    if (pixels(holder) > 0 && pixels(holder) < 11.9 && !holder.closest(".wd-av")) small.add(`${name(holder)}: ${text.slice(0, 40)} (${pixels(holder).toFixed(1)} px)`);
    const lang = holder.closest("[lang]")?.lang ?? "";
    if (lang === document.documentElement.lang && !holder.closest("code, pre, kbd, .mono")) texts.add(text);
    else foreign.add(text);
  }
  const cut = [...document.querySelectorAll("main *, nav *")].filter((node) => {
    const style = getComputedStyle(node);
    return style.textOverflow === "ellipsis" && style.overflowX !== "visible" && node.scrollWidth > node.clientWidth + 1 && seen(node)
      && !node.closest("[title]") && !node.querySelector("[title]") && !["INPUT", "TEXTAREA", "SELECT"].includes(node.tagName);
  }).map((node) => `${name(node)}: ${node.textContent.trim().slice(0, 60)}`);
  const wrapped = [...document.querySelectorAll(".wd-btn, .wd-soft, .wd-tag, .wd-p")].filter((node) => {
    const lines = new Set([...node.childNodes].filter((one) => one.nodeType === 3 && one.textContent.trim()).flatMap((one) => {
      const range = document.createRange();
      range.selectNodeContents(one);
      return [...range.getClientRects()].map((box) => Math.round(box.top));
    }));
    return seen(node) && !node.matches(".wd-tag") && lines.size > 1;
  }).map((node) => `${name(node)}: ${node.textContent.trim()}`);
  return {
    lang: document.documentElement.lang,
    title: document.title,
    headings: document.querySelectorAll("h1").length,
    over: document.documentElement.scrollWidth - innerWidth,
    texts: [...texts],
    foreign: [...foreign],
    small: [...small],
    cut: [...new Set(cut)],
    wrapped,
    placeholders: [...document.querySelectorAll("use")].filter((one) => (one.getAttribute("href") ?? "").endsWith("#point")).map((one) => name(one.closest("svg").parentElement)),
    slanted: [...document.querySelectorAll("main :lang(zh)")].filter((one) => getComputedStyle(one).fontStyle === "italic").map(name),
    shift: window.wdShift ?? 0,
    moved: window.wdMoved ?? [],
    broken: window.wdBroken ?? [],
  };
}
