// Every sample: choose benchmark, run and filter, open a problem, read its samples with their grades.
"use strict";
(() => {
  const place = document.getElementById("browser");
  if (!place) return;
  const { element } = bench;
  const PAGE = 40; // problems shown at once
  const GRADES = {
    1: "right", 0: "wrong", n: "no answer", t: "timeout", l: "met a limit", e: "grader failed",
    R: "right; another grader disagrees", W: "wrong; another grader disagrees", N: "no answer; another grader disagrees",
    T: "timeout; another grader disagrees", L: "met a limit; another grader disagrees",
    E: "grader failed; another grader disagrees",
  };
  const FILTERS = {
    all: { title: "all", test: () => true },
    wrong: { title: "with wrong samples", test: (mark) => !"1R".includes(mark) },
    right: { title: "with right samples", test: (mark) => "1R".includes(mark) },
    disagree: { title: "where graders disagree", test: (mark) => "RWNTLE".includes(mark) },
  };
  const choice = (name, entries) => {
    const list = element("select", { id: `browse-${name}` });
    for (const [value, title] of entries) list.append(element("option", { value }, title));
    controls.append(element("label", {}, `${name} `, list));
    list.addEventListener("change", () => show(0));
    return list;
  };
  const controls = element("div", { className: "controls" });
  const benchmark = choice("benchmark", bench.page.benchmarks.map((name) => [name, name]));
  const run = choice("run", bench.page.runs.map((name) => [name, name]));
  const filter = choice("filter", Object.entries(FILTERS).map(([key, { title }]) => [key, title]));
  const status = element("p", { className: "status", role: "status" });
  const list = element("div", { className: "problems" });
  const open = element("button", { type: "button" }, "Open the samples");
  open.addEventListener("click", () => show(0));
  place.append(controls, element("p", {}, open), status, list);

  let asked = 0; // the last request wins when several are under way
  async function show(from) {
    const request = ++asked;
    open.parentElement.hidden = true;
    status.textContent = "Loading …";
    const name = benchmark.value;
    try {
      const [index, texts] = await Promise.all([
        bench.load(`samples/${name}.js`, `problems/${name}`),
        run.value in bench.page.graded[name]
          ? bench.load(`samples/${name}/${run.value}.js`, `texts/${name}/${run.value}`)
          : Promise.resolve(null),
      ]);
      if (request === asked) list.replaceChildren(...(texts ? page(index, texts, from) : []));
      if (request === asked && !texts) status.textContent = `${name} was not run for ${run.value}.`;
    } catch (error) {
      status.textContent = `${error.message}: keep the folder samples/ beside this page.`;
    }
  }

  function page(index, texts, from) {
    const { k } = index, marks = index.grades[run.value], test = FILTERS[filter.value].test;
    const found = index.problems.map((_, i) => i).filter((i) => [...marks.slice(i * k, i * k + k)].some(test));
    const stored = new Map(texts.rows.map((row) => [row[0] * k + row[1], row]));
    const last = Math.min(from + PAGE, found.length);
    status.textContent =
      `${found.length} of ${index.problems.length} problems` + (filter.value === "all" ? "" : ` ${FILTERS[filter.value].title}`) +
      (found.length > PAGE ? `, ${from + 1} to ${last} shown` : "") + `. Graded by ${index.grader}` +
      (index.alternatives.length ? `, compared with ${index.alternatives.join(", ")}` : "") +
      `. Texts of ${texts.rows.length} of ${texts.total} samples are beside this page.`;
    const parts = found.slice(from, last).map((i) => problem(index, i, marks.slice(i * k, i * k + k), stored, test));
    const steps = element("p", { className: "controls" });
    for (const [title, start] of [["previous", from - PAGE], ["next", from + PAGE]]) {
      const button = element("button", { type: "button", disabled: start < 0 || start >= found.length }, title);
      button.addEventListener("click", () => show(start).then(() => place.scrollIntoView()));
      steps.append(button);
    }
    return found.length > PAGE ? [...parts, steps] : parts;
  }

  function problem(index, i, marks, stored, test) {
    const [identity, level, text, answer] = index.problems[i];
    const right = [...marks].filter((mark) => "1R".includes(mark)).length;
    const cells = element("span", { className: "cells", "aria-hidden": "true" });
    for (const mark of marks) cells.append(element("i", { className: `mark ${"1R".includes(mark) ? "right" : "wrong"}${"RWNTLE".includes(mark) ? " disagree" : ""}` }));
    const count = element("span", { className: "count" }, ` ${right} of ${index.k} right`);
    const head = element("summary", {}, element("code", {}, identity), level === null ? "" : ` level ${level}`, count, cells);
    const details = element("details", {}, head);
    details.addEventListener("toggle", () => {
      if (details.childElementCount > 1) return;
      details.append(
        element("p", { className: "problem" }, text), element("p", {}, "Reference answer: ", element("code", {}, element("bdi", {}, answer))),
        ...[...marks].map((mark, repeat) => (test(mark) ? sample(mark, repeat, stored.get(i * index.k + repeat), identity) : "")),
      );
    });
    return details;
  }

  function sample(mark, repeat, row, identity) {
    const kind = "1R".includes(mark) ? "right" : "wrong";
    const head = element("p", { className: `grade ${kind}` }, `Sample ${repeat + 1}: ${GRADES[mark]}`);
    const article = element("article", {}, head);
    if (!row) {
      const file = `results/${bench.page.profile}/samples/${run.value}/${benchmark.value}.jsonl`;
      article.append(element("p", {}, "Its text is not beside this page; it is in ", element("code", {}, file), ` (id ${identity}, repeat ${repeat}).`));
      return article;
    }
    const [, , text, extracted, tokens, stop, judged] = row;
    const answer = extracted === null ? ["no answer found"] : ["answer read: ", element("bdi", {}, extracted)];
    head.append(" — ", ...answer, `; ${tokens} tokens, ${stop === "length" ? "cut off at the limit" : "ended by itself"}${judged === "graded" ? "" : `; ${judged}`}`);
    article.append(element("pre", { tabIndex: 0 }, text));
    return article;
  }
})();

// Clocks, commit and machine are in no tracked file, so they are read from beside the report when asked for.
(() => {
  const { element } = bench;

  /** A button that puts in its place the table that `made` makes of a side file, or says that the file is not there. */
  function onDemand(name, label, made, missing) {
    const place = document.getElementById(name);
    if (!place) return;
    const button = element("button", { type: "button" }, label);
    place.append(button);
    button.addEventListener("click", async () => {
      try {
        const table = made(await bench.load(`../${name}.js`, name));
        button.replaceWith(element("div", { className: "scroll" }, table));
        bench.prepareTable(table);
      } catch {
        button.replaceWith(element("p", {}, missing));
      }
    });
  }

  function filled(columns, rows, words, cell) {
    const look = (i) => (i < words ? "word" : "");
    return element("table", {},
      element("thead", {}, element("tr", {}, ...columns.map((name, i) => element("th", { scope: "col", className: look(i) }, name)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((value, i) => element("td", { className: look(i) }, cell(value, i)))))));
  }

  onDemand("hours", "Show the hours of this copy",
    ({ columns, rows }) => filled(columns, rows, 2, (value, i) => (i < 2 ? value : i < 4 ? String(value) : value.toFixed(3))),
    "There are no clocks beside this copy of the report: ../hours.js is written where the trainings ran.");
  onDemand("origin", "Show where this copy was made",
    (found) => filled(["what", "made by"], Object.entries(found), 2, (value) => value),
    "Nothing beside this copy of the report says where it was made: ../origin.js is written with it.");
})();
