// Runs before the first paint, so a chosen theme never flashes.
(() => {
  const root = document.documentElement;
  const dim = matchMedia("(prefers-color-scheme: dark)"), told = () => document.dispatchEvent(new Event("themechange"));
  dim.addEventListener("change", told);
  const saved = localStorage.getItem("theme");
  if (saved) root.dataset.theme = saved;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : dim.matches;
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    told();
  });
})();
