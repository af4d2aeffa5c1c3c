// Before any script of the page: remember what shifts, and what the policy of the page stops.
window.wdShift = 0;
window.wdMoved = [];
window.wdBroken = [];
// What news changes is no shift on load.
window.wdTold = false;
document.addEventListener("wd:news", () => { window.wdTold = true; });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput || window.wdTold) continue;
    window.wdShift += entry.value;
    for (const one of entry.sources ?? []) window.wdMoved.push(one.node?.parentElement ? `${one.node.nodeName} in ${one.node.parentElement.className || one.node.parentElement.id}` : "?");
  }
}).observe({ type: "layout-shift", buffered: true });
addEventListener("securitypolicyviolation", (event) => window.wdBroken.push(`${event.violatedDirective} ${event.blockedURI}`));
