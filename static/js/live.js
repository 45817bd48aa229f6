// The live link. A socket message only says what changed ({topic, seq, kind}); the page fetches it again through
// the view that checks permission: an element listens with hx-trigger="live:incident-12 from:body".
// After a reconnect, and every few seconds while the link is down, every topic of the page is fetched again.
(() => {
  const POLL_MS = 5000;
  const topics = (document.body.dataset.topics || "").split(",").filter(Boolean);
  const seen = {};  // topic -> highest sequence number heard of
  let socket, tries = 0, poll = null, closing = false;

  // At most one fetch in EVERY_MS per topic, and always one after the last message.
  const EVERY_MS = { dashboard: 1000 };
  const last = {}, later = {};
  function fire(topic) {
    const wait = (last[topic] || 0) + (EVERY_MS[topic] || 150) - Date.now();
    if (wait > 0) { later[topic] ||= setTimeout(() => { later[topic] = null; fire(topic); }, wait); return; }
    last[topic] = Date.now();
    htmx.trigger(document.body, "live:" + topic.replace(":", "-"));
  }
  const fireAll = () => topics.forEach(fire);

  function show(state) {
    document.body.classList.toggle("is-down", state === "down");
    for (const node of document.querySelectorAll("[data-live-state]")) {
      node.dataset.state = state;
      node.querySelector(".w").textContent = { live: "Live", down: "Not live", wait: "Connecting" }[state];
    }
    if (state === "down" && !poll) poll = setInterval(fireAll, POLL_MS);
    if (state === "live" && poll) { clearInterval(poll); poll = null; }
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    socket = new WebSocket(scheme + location.host + "/ws/live/?topics=" + encodeURIComponent(topics.join(",")));
    socket.onopen = () => { tries = 0; show("live"); fireAll(); };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (!topics.includes(message.topic)) return;
      if (message.seq) seen[message.topic] = Math.max(seen[message.topic] || 0, message.seq);
      fire(message.topic);
    };
    socket.onclose = (event) => {
      if (closing) return;
      if (event.code === 4401) { location.reload(); return; }  // logged out elsewhere
      if (tries++ > 0) show("down");
      setTimeout(connect, Math.min(15000, 500 * 2 ** Math.min(tries, 5)) * (0.75 + Math.random() / 2));
    };
  }

  // A list that grows asks for what is newer than its newest row, and asks again when the socket told of more.
  const newest = (list) => Number(list.querySelector("[data-seq]")?.dataset.seq || 0);
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.dataset.grows) event.detail.parameters.after = newest(event.detail.elt);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const list = event.detail.requestConfig?.elt;
    if (list?.dataset.grows && newest(list) < (seen[list.dataset.grows] || 0) && event.detail.xhr.responseText.trim()) {
      fire(list.dataset.grows);
    }
  });

  // Parts that change each second are patched, not replaced: a click, a focus, an open detail or a half-typed
  // reason survives. Only what differs is touched.
  const KEEP = { open: 1, "data-local": 1, "data-away": 1 };
  function patch(old, fresh) {
    for (const { name, value } of [...fresh.attributes]) if (!KEEP[name] && old.getAttribute(name) !== value) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (!KEEP[name] && !fresh.hasAttribute(name)) old.removeAttribute(name);
    patchChildren(old, fresh);
  }
  function patchChildren(old, fresh) {
    const has = [...old.childNodes], wanted = [...fresh.childNodes];
    wanted.forEach((node, i) => {
      const was = has[i];
      if (!was) old.append(node);
      else if (was.nodeName !== node.nodeName || (was.id || "") !== (node.id || "")) was.replaceWith(node);
      else if (node.nodeType !== 1) { if (was.data !== node.data) was.data = node.data; }
      else patch(was, node);
    });
    has.slice(wanted.length).forEach((node) => node.remove());
  }
  function patched(event, target, content) {
    event.detail.shouldSwap = false;
    patchChildren(target, content);
    htmx.process(target);
    announce(); clock();
  }

  // A swap never takes a form away from someone who is filling it in, nor closes what they opened.
  let opened = [];
  const held = (target) => target.querySelector?.("details[data-hold][open], dialog[open], [data-hold]:focus-within");
  function beforeSwap(event) {
    const target = event.detail.target;
    if (event.detail.xhr?.responseURL.includes("/login/")) { location.reload(); event.detail.shouldSwap = false; return; }
    if (target?.dataset.patch && event.detail.shouldSwap) {
      const page = document.createElement("template");
      page.innerHTML = event.detail.serverResponse;
      patched(event, target, page.content);
      return;
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
    if (event.target.matches?.("details[data-hold]") && !event.target.open) fireAll();
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

  addEventListener("pagehide", () => { closing = true; socket?.close(); });
  addEventListener("pageshow", (event) => { if (event.persisted) { closing = false; connect(); } });
  clock(); setInterval(clock, 1000);
  announce();
  if (topics.length) { show("wait"); connect(); }
})();
