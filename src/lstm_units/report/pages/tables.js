// Tables sort by a button in each heading and filter by a text field; links open what they point
// to; closed parts open for print. Without this script the page is complete and readable.
"use strict";
(function () {
  const missing = new Set(["", "-", "not run", "not given"]);

  // The number that a cell opens with: "0.75 [0.70, 0.80]" is 0.75, "1,300" is 1300.
  function numberOf(text) {
    const found = text.replace(/[\u2212\u2013]/g, "-").match(/^<?\s*([-+]?[\d,]*\.?\d+(?:e[-+]?\d+)?)/i);
    return found ? parseFloat(found[1].replace(/,/g, "")) : NaN;
  }

  const order = new Intl.Collator("en", { numeric: true });

  function textOf(row, column) {
    const cell = row.cells[column];
    return cell ? cell.textContent.trim() : "";
  }

  function sortBy(table, column, heading) {
    const up = heading.getAttribute("aria-sort") !== "ascending";
    const body = table.tBodies[0];
    const numeric = heading.classList.contains("number");
    const keyed = Array.from(body.rows, function (row) {
      const text = textOf(row, column);
      return { row: row, text: text, number: numeric ? numberOf(text) : 0 };
    });
    const last = function (entry) {
      return missing.has(entry.text) || Number.isNaN(entry.number);
    };
    keyed.sort(function (one, other) {
      if (last(one) || last(other)) return last(one) - last(other);
      const by = numeric ? one.number - other.number : order.compare(one.text, other.text);
      return up ? by : -by;
    });
    for (const th of table.tHead.rows[0].cells) {
      if (th.hasAttribute("aria-sort")) th.setAttribute("aria-sort", "none");
    }
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    for (const entry of keyed) body.append(entry.row);
  }

  function makeSortable(table) {
    Array.from(table.tHead.rows[0].cells).forEach(function (heading, column) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", function () { sortBy(table, column, heading); });
    });
  }

  function makeFilter(table, number) {
    const rows = Array.from(table.tBodies[0].rows);
    const box = document.createElement("div");
    const label = document.createElement("label");
    const input = document.createElement("input");
    const left = document.createElement("span");
    box.className = "filter";
    input.type = "search";
    input.id = "filter-" + number;
    label.htmlFor = input.id;
    const what = document.createElement("span");
    what.className = "visually-hidden";
    what.textContent = table.caption ? ": " + table.caption.textContent : "";
    label.append("Filter rows", what);
    left.setAttribute("aria-live", "polite");
    const show = function () {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every(function (word) { return text.includes(word); });
        shown += row.hidden ? 0 : 1;
      }
      left.textContent = shown + " of " + rows.length + " rows";
    };
    input.addEventListener("input", show);
    show();
    box.append(label, input, left);
    (table.closest(".scroll") || table).before(box);
  }

  function openTarget() {
    let at = null;
    try {
      at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    } catch (error) {
      return;
    }
    if (!at) return;
    for (let part = at; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
    }
    at.scrollIntoView();
  }

  Array.from(document.querySelectorAll("table.data")).forEach(function (table, number) {
    if (!table.tHead || !table.tBodies.length || table.tBodies[0].rows.length < 2) return;
    makeSortable(table);
    if (table.hasAttribute("data-filter")) makeFilter(table, number);
  });

  window.addEventListener("hashchange", openTarget);
  document.addEventListener("click", function (event) {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    // A second click on the same link changes no hash.
    if (link && link.getAttribute("href") === location.hash) setTimeout(openTarget);
  });
  openTarget();

  const contents = document.querySelector("details[data-contents]");
  if (contents && window.matchMedia("(max-width: 64rem)").matches) contents.open = false;

  let opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.from(document.querySelectorAll("details:not([open])"));
    for (const part of opened) part.open = true;
  });
  window.addEventListener("afterprint", function () {
    for (const part of opened) part.open = false;
    opened = [];
  });
})();
