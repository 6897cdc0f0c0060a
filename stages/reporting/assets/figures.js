// Figures: drawn when they come near the window, all of them soon after loading so that printing finds them.
// The selection of methods is one for the whole page.
"use strict";
(() => {
  const boxes = [...document.querySelectorAll("#models input")];
  const shown = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const views = new Map();
  const columns = bench.page.data;

  /** Rows of a table with the columns that the figure names; each view gets rows of its own, since it marks them. */
  function rows(name, text) {
    const used = Object.keys(columns[name]).filter((column) => text.includes(column));
    return columns[name].method.map((_, i) => Object.fromEntries(used.map((column) => [column, columns[name][column][i]])));
  }

  async function draw(panel) {
    if (views.has(panel)) return;
    views.set(panel, null);
    const text = JSON.stringify(bench.page.figures[panel.dataset.figure][Number(panel.dataset.panel)]);
    const specification = JSON.parse(text);
    specification.datasets = { [specification.data.name]: rows(specification.data.name, text) };
    specification.params = [{ name: "shown", value: shown() }];
    const options = { renderer: "svg", actions: false, config: bench.page.config, tooltip: { theme: "bench" },
      logLevel: 1 }; // errors: an empty selection is no reason to warn
    const { view } = await vegaEmbed(panel, specification, options);
    views.set(panel, view);
    view.signal("shown", shown()).run(); // the selection may have changed meanwhile
  }

  function select() {
    const selected = shown();
    for (const view of views.values()) if (view) view.signal("shown", selected).runAsync();
    document.getElementById("models-count").textContent = `${selected.length} of ${boxes.length}`;
  }

  boxes.forEach((box) => box.addEventListener("change", select));
  for (const button of document.querySelectorAll("#models button[data-select]")) {
    const chosen = JSON.parse(button.dataset.select);
    button.addEventListener("click", () => {
      for (const box of boxes) box.checked = chosen.includes(box.value);
      select();
    });
  }
  const models = document.getElementById("models");
  if (window.innerWidth < 700) models.open = false;
  // what a link or the keyboard leads to must not end up behind the choice of models
  new ResizeObserver(() => document.documentElement.style.setProperty("--models-height", `${models.offsetHeight}px`)).observe(models);
  select();

  const panels = [...document.querySelectorAll(".panel")];
  const near = new IntersectionObserver(
    async (entries) => {
      await Promise.all(entries.filter((entry) => entry.isIntersecting).map((entry) => draw(entry.target)));
      performance.mark("drawn-first"); // the first of these marks is of what the window shows first
    },
    { rootMargin: "300px" },
  );
  panels.forEach((panel) => near.observe(panel));
  const later = window.requestIdleCallback ?? ((task) => setTimeout(task, 50));
  const next = async () => {
    const waiting = panels.find((panel) => !views.has(panel));
    if (waiting) {
      await draw(waiting);
      later(next);
    } else {
      performance.mark("drawn-all");
      document.documentElement.dataset.drawn = "all";
    }
  };
  window.addEventListener("load", () => later(next));
  bench.views = views;
})();
