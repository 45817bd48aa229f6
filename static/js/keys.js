// Keys: j k move, Enter opens, / searches, ? helps, g then a letter goes, a x open the form of an answer. Never while
// typing.
(() => {
  const GO = { d: "/", i: "/incidents/", w: "/changes/", a: "/approvals/", c: "/chaos/", g: "/gameday/", r: "/runbooks/", l: "/audit/", s: "/settings/" };
  let pending = false, at = -1;
  const typing = (node) => node.closest("input, textarea, select, [contenteditable], dialog[open]");
  function move(step) {
    const rows = [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent);
    if (!rows.length) return;
    rows[at]?.classList.remove("is-at");
    at = Math.max(0, Math.min(rows.length - 1, at + step));
    rows[at].classList.add("is-at");
    rows[at].scrollIntoView({ block: "nearest" });
    (rows[at].querySelector("[data-open]") || rows[at]).focus();
  }
  // A form that opens has the focus: Enter sends it, Escape puts it away.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details[data-hold][open]")) event.target.querySelector("form input:not([type=hidden]), form select, form textarea, form button")?.focus();
  }, true);
  document.addEventListener("keydown", (event) => {
    const form = event.key === "Escape" && event.target.closest?.("details[data-hold][open]");
    if (!form) return;
    form.open = false;
    form.querySelector("summary").focus();
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (pending) {
      pending = false;
      if (GO[event.key]) { location.assign(GO[event.key]); event.preventDefault(); }
      return;
    }
    const act = {
      g: () => { pending = true; setTimeout(() => { pending = false; }, 1200); },
      j: () => move(1), k: () => move(-1),
      "/": () => document.querySelector("input[type=search]")?.focus(),
      "?": () => document.getElementById("keys-help").showModal(),
      a: () => document.querySelector("[data-key=a]")?.click(),
      x: () => document.querySelector("[data-key=x]")?.click(),
    }[event.key];
    if (act) { act(); event.preventDefault(); }
  });
})();
