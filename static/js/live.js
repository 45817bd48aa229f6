// What changes without a reload: parts of the page that are fetched again when link.js hears that their topic changed.
// An element listens with hx-trigger="live:incident-12 from:body".
(() => {
  const link = window.opsLink;

  // A list that grows asks for what is newer than its newest row, and asks again when the socket told of more.
  const newest = (list) => Number(list.querySelector("[data-seq]")?.dataset.seq || 0);
  // Rows of `content` that the list has not got: the socket may bring a row while an answer with it is on its way.
  const fresh = (list, content) => [...content.querySelectorAll("[data-seq]")].filter((row) => Number(row.dataset.seq) > newest(list));
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.dataset.grows) event.detail.parameters.after = newest(event.detail.elt);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const list = event.detail.requestConfig?.elt;
    if (list?.dataset.grows && newest(list) < link.seen(list.dataset.grows) && event.detail.xhr.responseText.trim()) {
      htmx.trigger(list, "catchup");
    }
  });

  // What the socket sends is not fetched as well.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, requestConfig } = event.detail;
    if (elt.dataset.shown && requestConfig?.triggeringEvent?.type.startsWith("live:") && link.isSent(elt.dataset.shown)) event.preventDefault();
  });
  // Forms in it are everybody's: each gets the token of this page.
  const token = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  function filled(html) {
    const page = document.createElement("template");
    page.innerHTML = html;
    page.content.querySelectorAll("input[name=csrfmiddlewaretoken]").forEach((field) => field.setAttribute("value", token()));
    return page.content;
  }
  document.addEventListener("part", ({ detail }) => {
    for (const [id, html] of Object.entries(detail.parts)) {
      const target = document.getElementById(id);
      if (!target) continue;
      patchChildren(target, filled(html));
    }
    if (detail.rows) grow(detail.rows);
    announce(); clock();
  });
  // Rows after the number `after`: a list that has not all before that asks for what is missing.
  function grow(rows) {
    const list = document.getElementById(rows.list);
    if (!list || newest(list) >= rows.upto) return;
    if (newest(list) < rows.after) { htmx.trigger(list, "catchup"); return; }
    list.prepend(...fresh(list, filled(rows.html)));
    htmx.process(list);
  }

  // A link to an event that is on no page yet.
  const linked = location.hash.match(/^#e-(\d{1,9})$/), more = document.querySelector("#older button");
  if (linked && more && !document.getElementById("e-" + linked[1])) {
    more.setAttribute("hx-get", more.getAttribute("hx-get") + "&to=" + linked[1]);
    document.addEventListener("htmx:afterSettle", function jump() {
      const row = document.getElementById("e-" + linked[1]);
      if (row) { document.removeEventListener("htmx:afterSettle", jump); row.scrollIntoView(); }
    });
    document.addEventListener("DOMContentLoaded", () => more.click());  // htmx listens by then
  }

  // Parts that change each second are patched, not replaced: a click, a focus, an open detail or a half-typed
  // reason survives. Only what differs is touched.
  // htmx is told of what is new and of what asks for something else, of nothing more: what it processes again forgets
  // which request it has under way, and that another one waits for its end.
  const KEEP = { open: 1, "data-local": 1, "data-away": 1 };
  function patch(old, fresh) {
    const asked = (node) => [...node.attributes].filter(({ name }) => name.startsWith("hx-")).map(({ name, value }) => name + "=" + value).join("\n");
    const before = asked(old);
    for (const { name, value } of [...fresh.attributes]) if (!KEEP[name] && old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (!KEEP[name] && !fresh.hasAttribute(name)) old.removeAttribute(name);
    patchChildren(old, fresh);
    if (asked(old) !== before) htmx.process(old);
  }
  const added = (node) => { if (node.nodeType === 1) htmx.process(node); };
  // Parts with an id are told apart by it: one that goes, or comes in between, leaves the others as they are.
  function patchChildren(old, fresh) {
    const wanted = [...fresh.childNodes], ids = new Set(wanted.map((node) => node.id).filter(Boolean));
    let was = old.firstChild;
    const drop = () => { const gone = was; was = was.nextSibling; gone.remove(); };
    for (const node of wanted) {
      if (node.id && [...old.children].some((child) => child.id === node.id)) {
        while (was && was.id !== node.id && !ids.has(was.id)) drop();
        if (was?.id !== node.id) { const moved = [...old.children].find((child) => child.id === node.id); old.insertBefore(moved, was); was = moved; }
      }
      if (!was || (was.id && was.id !== node.id && ids.has(was.id))) { old.insertBefore(node, was); added(node); continue; }
      const next = was.nextSibling;
      if (was.nodeName !== node.nodeName || (was.id || "") !== (node.id || "")) { was.replaceWith(node); added(node); }
      else if (node.nodeType !== 1) { if (was.data !== node.data) was.data = node.data; }
      else patch(was, node);
      was = next;
    }
    while (was) drop();
  }
  function patched(event, target, content) {
    event.detail.shouldSwap = false;
    patchChildren(target, content);
    announce(); clock();
  }

  // A swap never takes a form away from someone who is filling it in, nor closes what they opened.
  let opened = [];
  const held = (target) => target.querySelector?.("details[data-hold][open], dialog[open], [data-hold]:focus-within");
  function beforeSwap(event) {
    const target = event.detail.target;
    if (event.detail.xhr?.responseURL.includes("/login/")) { location.reload(); event.detail.shouldSwap = false; return; }
    // what goes into the address is swapped by htmx: it only pushes what it has swapped itself
    const pushes = event.detail.requestConfig?.elt?.matches?.("[hx-push-url]");
    if (target?.dataset.patch && event.detail.shouldSwap && !pushes) {
      const page = document.createElement("template");
      page.innerHTML = event.detail.serverResponse;
      patched(event, target, page.content);
      return;
    }
    if (target?.dataset.grows && event.detail.shouldSwap) {
      const page = document.createElement("template");
      page.innerHTML = event.detail.serverResponse;
      const keep = new Set(fresh(target, page.content));
      page.content.querySelectorAll("[data-seq]").forEach((row) => keep.has(row) || row.remove());
      event.detail.serverResponse = page.innerHTML;
    }
    if (event.detail.requestConfig?.verb !== "post" && target && held(target)) event.detail.shouldSwap = false;
    opened = [...document.querySelectorAll("details[id][open]")].map((node) => node.id);
  }
  document.addEventListener("htmx:beforeSwap", beforeSwap);
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const target = event.detail.target;
    if (target?.dataset.patch) { patched(event, target, event.detail.fragment); return; }
    if (target && held(target)) event.detail.shouldSwap = false;
    opened = [...document.querySelectorAll("details[id][open]")].map((node) => node.id);
  });
  const reopen = () => opened.forEach((id) => { const node = document.getElementById(id); if (node) node.open = true; });
  document.addEventListener("htmx:afterSwap", reopen);
  document.addEventListener("htmx:oobAfterSwap", reopen);
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details[data-hold]") && !event.target.open) link.fireAll();
  }, true);

  // What a screen reader should hear: the text of [data-announce] when it is new.
  let spoken = null;
  function announce() {
    const text = document.querySelector("[data-announce]")?.textContent.replace(/\s+/g, " ").trim();
    if (text && spoken !== null && text !== spoken) document.getElementById("announcer").textContent = text;
    if (text) spoken = text;
  }
  document.addEventListener("htmx:afterSettle", announce);

  // Relative times and countdowns, from the exact time in the element.
  const ago = (s) => s < 5 ? "just now" : s < 60 ? Math.floor(s) + " s ago" : s < 3600 ? Math.floor(s / 60) + " min ago"
    : s < 86400 ? Math.floor(s / 3600) + " h ago" : Math.floor(s / 86400) + " d ago";
  const span = (s) => s < 60 ? Math.floor(s) + " s" : s < 3600 ? Math.floor(s / 60) + " min " + Math.floor(s % 60) + " s"
    : Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
  function clock() {
    const now = Date.now();
    for (const node of document.querySelectorAll("time[data-ago], time[data-for], time[data-until]")) {
      const at = Date.parse(node.dateTime), s = (now - at) / 1000;
      const text = "ago" in node.dataset ? ago(s) : "for" in node.dataset ? span(Math.max(0, s)) : s >= 0 ? "time is up" : span(-s);
      if (node.textContent !== text) node.textContent = text;
      if (!node.dataset.local) {
        node.dataset.local = "1";
        node.title = new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" }) + "\n" + node.title;
      }
    }
  }

  // A log view follows its end unless someone scrolled up or paused it.
  document.addEventListener("htmx:afterSwap", (event) => {
    const log = event.detail.target;
    if (log.dataset?.follow && log.dataset.away !== "1") log.scrollTop = log.scrollHeight;
  });
  document.addEventListener("scroll", (event) => {
    const log = event.target;
    if (log.dataset?.follow) log.dataset.away = log.scrollHeight - log.scrollTop - log.clientHeight > 40 ? "1" : "0";
  }, true);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-pause]");
    if (button) {
      const paused = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", paused);
      document.getElementById(button.dataset.pause).dataset.paused = paused ? "1" : "";
      button.querySelector("span").textContent = paused ? "Resume" : "Pause";
    }
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog).showModal();
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
    const kind = event.target.closest("[data-filter-kind]");
    if (kind) {
      kind.parentElement.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", b === kind));
      document.getElementById("timeline").dataset.show = kind.dataset.filterKind;
    }
  });

  // What went well is said, and then gets out of the way; trouble stays.
  setTimeout(() => document.querySelectorAll(".toasts .notice.success").forEach((node) => node.remove()), 12000);

  clock(); setInterval(clock, 1000);
  announce();
})();
