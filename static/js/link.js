// The live link, and the truth about it. A socket message says what changed ({topic, seq, kind}), and the page fetches it
// again through the view that checks permission. The parts in data-shows are sent themselves, as gzipped JSON, made once
// for everybody: elements with data-shown fetch them only while they are not sent. What the dot says is what was heard: an answer to a ping at least
// every BEAT_MS + ANSWER_MS, fetches that work, a browser that is online. While one of them fails the page asks again by
// itself; when all are back, everything is fetched once more, lists from their newest number on.
window.opsLink = (() => {
  const POLL_MS = 5000, BEAT_MS = 10000, ANSWER_MS = 4000;
  const topics = (document.body.dataset.topics || "").split(",").filter(Boolean);
  const shows = "DecompressionStream" in window ? (document.body.dataset.shows || "").split(",").filter(Boolean) : [];
  const unshown = new Set();  // what the server says it cannot send
  const numbers = {};  // topic -> highest sequence number heard of
  let socket, tries = 0, poll = null, again = null, answer = null, closing = false;
  let open = false, fetches = true, since = null, heard = Date.now(), said = "";

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

  const time = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const zone = (at) => new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "long" });
  function say(state, words, more, at) {
    const all = state + words;
    if (all === said) return;
    said = all;
    document.body.classList.toggle("is-down", state === "down" || state === "off");
    for (const node of document.querySelectorAll("[data-live-state]")) {
      node.dataset.state = state;
      node.querySelector(".w").textContent = words;
      node.title = more + (at ? "\n" + zone(at) : "");
    }
    document.querySelector("[data-live-words]").textContent = words + ". " + more;
  }
  function show() {
    const well = open && fetches && navigator.onLine;
    if (well) since = null;
    else since ??= heard;
    if (well) say("live", "Live", "This page changes by itself, without a reload.");
    else if (!navigator.onLine) say("off", "Offline: what you see is from " + time(since), "This browser has no network. The page catches up by itself when it is back.", since);
    else if (tries > 0 || !fetches) say("down", "Reconnecting since " + time(since), "What you see is from then; the page asks again every 5 seconds.", since);
    else say("wait", "Connecting", "What you see is from when the page was loaded.");
    if (well && poll) { clearInterval(poll); poll = null; }
    if (!well && !poll && (tries > 0 || !fetches)) poll = setInterval(() => { if (navigator.onLine) fireAll(); }, POLL_MS);
  }

  function lost() {
    clearTimeout(answer); answer = null;
    const dead = socket;
    socket = null; open = false; tries++;
    if (dead) { dead.onclose = dead.onmessage = null; dead.close(); }
    show();
    clearTimeout(again);
    again = setTimeout(connect, Math.min(15000, 500 * 2 ** Math.min(tries, 5)) * (0.75 + Math.random() / 2));
  }
  function connect() {
    clearTimeout(again);
    if (socket || closing || !navigator.onLine) return;
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const mine = socket = new WebSocket(scheme + location.host + "/ws/live/?topics=" + encodeURIComponent(topics.join(",")) + "&shows=" + encodeURIComponent(shows.join(",")));
    mine.binaryType = "blob";
    answer = setTimeout(lost, 3 * ANSWER_MS);  // a connection that is neither taken nor refused
    mine.onopen = () => { tries = 0; hear(); fireAll(); };
    mine.onmessage = (event) => {
      hear();
      if (typeof event.data !== "string") { unpack(event.data); return; }
      const message = JSON.parse(event.data);
      if (message.kind === "unshown") { unshown.add(message.show); fireAll(); return; }
      if (!topics.includes(message.topic)) return;
      if (message.seq) numbers[message.topic] = Math.max(numbers[message.topic] || 0, message.seq);
      fire(message.topic);
    };
    mine.onclose = (event) => {
      if (closing || mine !== socket) return;
      if (event.code === 4401) { location.reload(); return; }  // logged out elsewhere
      lost();
    };
  }
  // One after the other: the order in which they were sent is the order in which they are put into the page.
  let turn = Promise.resolve();
  function unpack(blob) {
    turn = turn.then(async () => {
      const part = JSON.parse(await new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))).text());
      unshown.delete(part.show);
      if (part.rows) numbers[part.show] = Math.max(numbers[part.show] || 0, part.rows.upto);
      document.dispatchEvent(new CustomEvent("part", { detail: part }));
    }).catch((error) => { console.error(error); fireAll(); });
  }
  function hear() {
    clearTimeout(answer); answer = null;
    heard = Date.now(); open = true;
    show();
  }
  function ping() {
    if (!socket || socket.readyState !== WebSocket.OPEN || answer) return;
    socket.send('{"ping": 1}');
    answer = setTimeout(lost, ANSWER_MS);
  }

  function fetched(works) {
    if (works) heard = Date.now();
    else ping();
    const back = works && !fetches;
    fetches = works;
    show();
    if (back) fireAll();
  }
  const ours = (event) => event.detail.requestConfig?.verb === "get";
  for (const name of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(name, (event) => { if (ours(event)) fetched(false); });
  document.addEventListener("htmx:responseError", (event) => { if (ours(event) && event.detail.xhr.status >= 500) fetched(false); });
  document.addEventListener("htmx:afterRequest", (event) => { if (ours(event) && event.detail.successful) fetched(true); });

  addEventListener("offline", () => { if (socket) lost(); else show(); });
  addEventListener("online", () => { show(); connect(); fireAll(); });
  addEventListener("pagehide", () => { closing = true; socket?.close(); });
  addEventListener("pageshow", (event) => { if (event.persisted) { closing = false; socket = null; connect(); } });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ping(); });  // a laptop that slept
  if (topics.length) { show(); connect(); setInterval(ping, BEAT_MS); }
  const isSent = (show) => open && shows.includes(show) && !unshown.has(show);
  return { fire, fireAll, isSent, seen: (topic) => numbers[topic] || 0 };
})();
