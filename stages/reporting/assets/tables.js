// Tables sort by a click or Enter on a heading, within their groups, and copy as Markdown and LaTeX.
"use strict";
(() => {
  const element = bench.element;
  const words = (cell) => cell.textContent.trim();

  /** The number that a cell starts with ("12.3 [11, 14]", "−0.5"), or null. */
  function leading(text) {
    const match = text.replaceAll("−", "-").replaceAll(",", "").match(/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?/i);
    return match ? Number(match[0]) : null;
  }

  function sort(table, column, descending) {
    for (const body of table.tBodies) {
      const title = body.querySelector("tr.group");
      const rows = [...body.rows].filter((row) => row !== title);
      const keyed = rows.map((row) => ({ row, text: words(row.cells[column]), number: leading(words(row.cells[column])) }));
      keyed.sort((a, b) => {
        if ((a.number === null) !== (b.number === null)) return a.number === null ? 1 : -1; // what has no number is last
        const order = a.number === null ? a.text.localeCompare(b.text, "en") : a.number - b.number;
        return descending ? -order : order;
      });
      body.append(...keyed.map((entry) => entry.row));
    }
  }

  function grid(table) {
    const head = [...table.tHead.rows[0].cells].map(words);
    const rows = [];
    for (const row of table.querySelectorAll("tbody tr")) {
      rows.push({ group: row.classList.contains("group"), cells: [...row.cells].map(words) });
    }
    const left = [...table.tHead.rows[0].cells].map((cell) => cell.classList.contains("word"));
    return { head, rows, left };
  }

  function markdown(table) {
    const { head, rows, left } = grid(table);
    const line = (cells) => `| ${cells.map((cell) => cell.replace(/(\\*)\|/g, "$1$1\\|")).join(" | ")} |`;
    const rule = left.map((word) => (word ? "---" : "---:"));
    const fill = (row) => (row.group ? [`**${row.cells[0]}**`, ...head.slice(1).map(() => "")] : row.cells);
    return [line(head), line(rule), ...rows.map((row) => line(fill(row)))].join("\n") + "\n";
  }

  function latex(table) {
    const { head, rows, left } = grid(table);
    const escaped = bench.page.latex;
    const escape = (text) => [...text].map((character) => escaped[character] ?? character).join("");
    const line = (cells) => `${cells.map(escape).join(" & ")} \\\\`;
    const group = (row) => `\\multicolumn{${head.length}}{l}{\\textbf{${escape(row.cells[0])}}} \\\\`;
    return [
      `\\begin{tabular}{${left.map((word) => (word ? "l" : "r")).join("")}}`, "\\toprule", line(head), "\\midrule",
      ...rows.map((row) => (row.group ? group(row) : line(row.cells))), "\\bottomrule", "\\end{tabular}",
    ].join("\n") + "\n";
  }

  async function copy(text, button) {
    const name = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
      setTimeout(() => (button.textContent = name), 1500);
    } catch {
      // a browser that forbids the clipboard to files: show the text, selected
      const area = element("textarea", { value: text, readOnly: true, rows: 8, "aria-label": "Table as text" });
      button.parentElement.after(area);
      area.select();
      area.addEventListener("blur", () => area.remove());
    }
  }

  bench.prepareTable = (table) => {
    for (const [column, heading] of [...table.tHead.rows[0].cells].entries()) {
      const button = element("button", { type: "button", className: "sort" }, ...heading.childNodes);
      button.addEventListener("click", () => {
        const descending = heading.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(table, column, descending);
      });
      heading.append(button);
    }
    const tools = element("div", { className: "tools" });
    for (const [name, format] of [["Markdown", markdown], ["LaTeX", latex]]) {
      const button = element("button", { type: "button", title: `Copy this table as ${name}` }, `copy ${name}`);
      button.addEventListener("click", () => copy(format(table), button));
      tools.append(button);
    }
    table.parentElement.after(tools);
    bench.formats = { markdown, latex };
  };
  document.querySelectorAll("main table").forEach(bench.prepareTable);
})();
