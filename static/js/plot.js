// Plots, of lines and marks only: the basic bundle of plotly knows no more. <div class="plot" data-plot="id-of-json" data-plotly="/static/...">. Plotly is fetched when the first one comes into view.
(() => {
  let loading = null;
  const load = (url) => loading ||= new Promise((done, fail) => {
    const tag = document.createElement("script");
    tag.src = url; tag.onload = done; tag.onerror = fail;
    document.head.append(tag);
  });
  const css = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`; document.body.append(probe);
    const value = getComputedStyle(probe).color; probe.remove();
    return value;
  };
  function draw(node) {
    const spec = JSON.parse(document.getElementById(node.dataset.plot).textContent);
    const palette = ["--ok", "--accent", "--violet", "--warn", "--bad"].map(css);
    const text = css("--muted"), line = css("--line");
    // Words come from outside, labels of readings too: plotly reads markup.
    const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    const traces = spec.series.map((s, i) => ({
      type: "scatter", mode: s.mode || "lines", name: plain(s.name), x: s.x, y: s.y, connectgaps: false, line: { width: s.unit === "%" ? 2.4 : 1.5, color: s.unit === "%" ? css("--ok") : palette[i % 5] }, yaxis: s.unit === "%" ? "y2" : "y",
      hovertemplate: "%{y:.3~g} " + s.unit,
    }));
    // Changes are a row of marks at the foot, with their words on hover.
    const folded = (text) => plain(text.length > 180 ? text.slice(0, 179) + "…" : text).replace(/(.{1,70})(\s|$)/g, "$1<br>").replace(/<br>$/, "");
    const changes = spec.changes || [], blamed = css("--violet");
    if (changes.length) traces.push({
      type: "scatter", mode: "markers", name: "changed", x: changes.map((c) => c.at), y: changes.map(() => 2), yaxis: "y2", cliponaxis: false,
      marker: { symbol: "diamond", size: changes.map((c) => c.suspected ? 13 : 9), color: changes.map((c) => c.suspected ? blamed : css("--accent")), line: { width: 1.5, color: css("--surface") } },
      text: changes.map((c) => c.text.map(folded).join("<br>")), hovertemplate: "%{text}",
    });
    const tone = { bad: css("--bad"), ok: css("--ok"), accent: css("--accent"), violet: css("--violet") };
    const shapes = spec.marks.map((m) => ({ type: "line", x0: m.at, x1: m.at, yref: "paper", y0: 0, y1: 1, line: { width: 1.5, dash: "dot", color: tone[m.tone] || text } }));
    const notes = spec.marks.map((m, i) => ({ x: m.at, yref: "paper", y: 1.01 + 0.085 * (i % 4), text: m.text, showarrow: false, xanchor: Date.parse(m.at) > (Date.parse(spec.span[0]) + Date.parse(spec.span[1])) / 2 ? "right" : "left", yanchor: "bottom", font: { size: 11, color: tone[m.tone] || text } }));
    // The lines keep their room however many words stand above and below them: a legend has columns of one width.
    const wide = Math.max(...traces.map((t) => t.name.length)) * 6.5 + 46, columns = Math.max(1, Math.floor((node.clientWidth - 24) / wide));
    const top = 16 + 18 * Math.min(4, notes.length), bottom = 44 + 20 * Math.ceil(traces.length / columns);
    Plotly.react(node, traces, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height: top + 200 + bottom, margin: { l: 52, r: 52, t: top, b: bottom },
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: text }, hovermode: "x unified",
      hoverlabel: { bgcolor: css("--raised"), font: { color: css("--text") } },
      xaxis: { gridcolor: line, zeroline: false, tickangle: 0, nticks: 5, range: spec.span, autorange: false }, yaxis: { gridcolor: line, zeroline: false, rangemode: "tozero", title: { text: spec.unit } },
      yaxis2: { overlaying: "y", side: "right", range: [0, 104], tickvals: [0, 50, 100], ticksuffix: " %", showgrid: false, zeroline: false },
      legend: { orientation: "h", yref: "container", y: 0.01, yanchor: "bottom", x: 0, xref: "container" }, shapes, annotations: notes,
    }, { displayModeBar: false, responsive: true });
  }
  const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return;
    seen.unobserve(entry.target);
    load(entry.target.dataset.plotly).then(() => draw(entry.target)).catch(() => { entry.target.textContent = "The plot could not be loaded; its numbers are in the table below."; });
  }));
  const watch = () => document.querySelectorAll(".plot:not([data-watched])").forEach((node) => { node.dataset.watched = "1"; seen.observe(node); });
  watch();
  document.addEventListener("htmx:afterSettle", watch);
  document.addEventListener("themechange", () => document.querySelectorAll(".plot.js-plotly-plot").forEach(draw));
})();
