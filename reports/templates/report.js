(() => {
  "use strict";
  const all = (what, root) => [...(root || document).querySelectorAll(what)];
  const folds = all("main details");

  // What is open on a wide screen only is folded where a page of it would be many screens.
  if (matchMedia("(max-width: 860px)").matches) for (const fold of all("details[data-wide]")) fold.open = false;

  // A link into a folded section opens it.
  const reveal = (target) => {
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    const own = target && target.querySelector(":scope > details.fold");
    if (own) own.open = true;
  };
  const follow = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    reveal(target);
    target.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) follow();
  });
  follow();

  // Charts that were folded when they were drawn have no size yet.
  for (const fold of all("details")) fold.addEventListener("toggle", () => { if (fold.open && fold.querySelector(".chart")) dispatchEvent(new Event("resize")); });

  // Paper unfolds nothing by itself.
  let closed = [];
  addEventListener("beforeprint", () => { closed = folds.filter((one) => !one.open); for (const one of closed) one.open = true; });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; closed = []; });

  for (const button of all("button.copy")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", () => navigator.clipboard.writeText(button.dataset.copy).then(
      () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 2000); },
      () => { button.textContent = "Select it by hand"; }));
  }

  // Search: rows that hold every word stay, sections without one go, what holds one opens.
  const form = document.querySelector("form.search"), field = form.querySelector("input"), said = form.querySelector("output");
  form.hidden = false;
  const before = new Map();
  const words = () => field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (one, wanted) => { const text = one.textContent.toLowerCase(); return wanted.every((word) => text.includes(word)); };
  const pieces = all("main section tbody tr, main section .facts > dd, main section li, main section figure");
  const clear = () => {
    for (const one of all("[data-hidden]")) { one.hidden = false; delete one.dataset.hidden; }
    for (const [one, open] of before) one.open = open;
    before.clear();
    said.textContent = "";
  };
  const hide = (one) => { if (!one.hidden) { one.hidden = true; one.dataset.hidden = ""; } };
  const find = () => {
    const wanted = words();
    for (const one of all("[data-hidden]")) { one.hidden = false; delete one.dataset.hidden; }
    if (!wanted.length) return clear();
    if (!before.size) for (const one of folds) before.set(one, one.open);
    let hits = 0;
    const lit = new Set();
    for (const one of pieces) {
      const looked = one.tagName === "DD" ? { textContent: `${one.previousElementSibling.textContent} ${one.textContent}` } : one;
      if (holds(looked, wanted)) { hits += 1; for (let up = one; up; up = up.parentElement) lit.add(up); }
      else if (one.tagName !== "DD") hide(one);
    }
    for (const one of all("main section")) if (!lit.has(one) && !holds(one.querySelector("summary") || one, wanted)) hide(one);
    for (const one of folds) one.open = lit.has(one);
    said.textContent = hits === 1 ? "1 row" : `${hits} rows`;
  };
  field.addEventListener("input", find);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); field.focus(); }
    if (event.key === "Escape" && document.activeElement === field) { field.value = ""; clear(); field.blur(); }
  });
})();
