// Takes things out of a page: a table sorted, or copied as CSV or Markdown, and a picture as SVG.
// Every page reads without it.
"use strict";
(() => {
  const main = document.getElementById("main");
  if (!main) return;

  // What a cell says, on one line. A merged cell is said once for each column that it covers.
  const said = (cell) => (cell.dataset.value ?? cell.innerText ?? cell.textContent).replace(/\s+/g, " ").trim();
  const spread = (row) => [...row.cells].flatMap((cell) => Array(cell.colSpan).fill(said(cell)));
  const shown = (row) => !row.hidden && !row.parentElement.hidden;

  // A row that only heads its group becomes a column of its own.
  const rowsOf = (table) => {
    const rows = [...table.rows].filter(shown);
    const heads = rows.filter((row) => row.parentElement.tagName === "TBODY" && row.cells.length === 1 && row.querySelector("[scope=rowgroup]"));
    if (!heads.length) return rows.map(spread);
    let group = "";
    return rows.flatMap((row) => {
      if (row.parentElement.tagName === "THEAD") return [["", ...spread(row)]];
      if (!heads.includes(row)) return [[group, ...spread(row)]];
      group = said(row.querySelector(".id") ?? row.cells[0]);
      return [];
    });
  };

  // As in the CSV files: a text that a spreadsheet would take for a formula gets an apostrophe.
  const number = /^[-+]?\d[\d\s.,]*(e[-+]?\d+)?$/i;
  const csvCell = (text) => {
    const safe = /^[=+\-@]/.test(text) && !number.test(text) ? `'${text}` : text;
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const asCsv = (rows) => rows.map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";
  const asMarkdown = ([head, ...rows]) => {
    const line = (cells) => `| ${cells.map((text) => text.replace(/[\\|`*_<>[\]]/g, "\\$&")).join(" | ")} |`;
    return [line(head), `|${" --- |".repeat(head.length)}`, ...rows.map(line)].join("\n") + "\n";
  };

  const button = (text, label, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  };
  const bar = (...parts) => {
    const made = document.createElement("p");
    made.className = "take";
    const told = document.createElement("output");
    made.append(...parts.map((part) => part(told)), told);
    return made;
  };

  const copier = (table, text, write) => (told) =>
    button(text, `${text}: ${table.caption?.textContent.trim() ?? "the table"}`, async () => {
      const rows = rowsOf(table);
      try {
        await copyText(write(rows));
        told.textContent = `${rows.length - 1} rows copied`;
      } catch {
        told.textContent = "The browser does not let this page copy";
      }
    });

  // Numbers by size, others as text; what has no value comes last, whichever way.
  const value = (text) => (number.test(text) ? parseFloat(text.replace(/[\s,]/g, "")) : NaN);
  const compare = (one, other) => {
    const [left, right] = [value(one), value(other)];
    return isNaN(left) || isNaN(right) ? one.localeCompare(other, "en", { numeric: true }) : left - right;
  };
  const sort = (table, index, head) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const each of head.parentElement.cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [said(row.cells[index]), row]);
    const none = (text) => text === "" || text === "–";
    keyed.sort(([one], [other]) => none(one) - none(other) || (down ? compare(other, one) : compare(one, other)));
    body.append(...keyed.map(([, row]) => row));
  };
  const sortable = (table) => {
    const row = table.tHead?.rows[table.tHead.rows.length - 1];
    if (!row || table.tBodies.length !== 1 || table.tBodies[0].rows.length < 2) return;
    if (table.querySelector("[colspan], [rowspan]")) return;
    [...row.cells].forEach((head, index) => {
      if (!head.textContent.trim()) return;
      const made = button("", "", () => sort(table, index, head));
      made.removeAttribute("aria-label");
      made.className = "sort";
      made.append(...head.childNodes);
      head.append(made);
    });
  };

  for (const table of main.querySelectorAll("table:not(.array)")) {
    sortable(table);
    const place = table.closest(".scroll") ?? table;
    place.after(bar(copier(table, "Copy CSV", asCsv), copier(table, "Copy Markdown", asMarkdown)));
  }

  // A picture as it looks here, in attributes of its own: the style sheet stays behind, and what is
  // drawn once for both sides of a pair is taken along.
  const LOOKS = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "paint-order", "display"];
  const LETTERS = ["font-family", "font-size", "font-weight", "font-style", "text-anchor", "text-decoration-line"];
  const dressed = (source, copied) => {
    const style = getComputedStyle(source);
    for (const name of source.closest("text") ? [...LOOKS, ...LETTERS] : LOOKS) {
      const attribute = name === "text-decoration-line" ? "text-decoration" : name;
      copied.setAttribute(attribute, style.getPropertyValue(name));
    }
    if (source.tagName === "text") copied.setAttribute("xml:space", "preserve");
    [...source.children].forEach((child, index) => dressed(child, copied.children[index]));
    return copied;
  };
  const standalone = (svg) => {
    const space = "http://www.w3.org/2000/svg";
    const copied = dressed(svg, svg.cloneNode(true));
    const shared = document.createElementNS(space, "defs");
    const known = new Set([...svg.querySelectorAll("[id]")].map((each) => each.id));
    const follow = (within) => {
      for (const use of within.querySelectorAll("use")) {
        const id = use.getAttribute("href")?.slice(1);
        const drawn = id && !known.has(id) && document.getElementById(id);
        if (!drawn) continue;
        known.add(id);
        follow(shared.appendChild(dressed(drawn, drawn.cloneNode(true))));
      }
    };
    follow(copied);
    const paper = document.createElementNS(space, "rect");
    const [x, y, width, height] = svg.viewBox.baseVal ? ["x", "y", "width", "height"].map((name) => svg.viewBox.baseVal[name]) : [0, 0, "100%", "100%"];
    const color = getComputedStyle(document.body).backgroundColor;
    for (const [name, given] of Object.entries({ x, y, width, height, fill: color })) paper.setAttribute(name, given);
    copied.prepend(shared, paper);
    return new XMLSerializer().serializeToString(copied);
  };
  [...main.querySelectorAll("figure svg")].filter((svg) => !svg.closest(".key")).forEach((svg, index) => {
    const figure = svg.closest("figure");
    const name = `${document.title.replace(/[^\w.-]+/g, "-")}-${index + 1}.svg`;
    figure.append(
      bar(() =>
        button("Save as SVG", `Save picture ${index + 1} as SVG`, () => {
          const link = document.createElement("a");
          link.href = URL.createObjectURL(new Blob([standalone(svg)], { type: "image/svg+xml" }));
          link.download = name;
          link.click();
          setTimeout(() => URL.revokeObjectURL(link.href), 1000);
        }),
      ),
    );
  });
})();
