"use strict";
(() => {
  /** Numbers start with the largest: that is what one looks for. */
  function sort(head) {
    const body = head.closest("table").tBodies[0];
    const number = head.classList.contains("number");
    const first = number ? "descending" : "ascending";
    const other = number ? "ascending" : "descending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    for (const cell of head.parentNode.cells) cell.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => row.cells[head.cellIndex].textContent.trim();
    const compare = number ? (a, b) => a - b : (a, b) => a.localeCompare(b);
    body.append(...[...body.rows].sort((a, b) => sign * compare(key(a), key(b))));
  }

  function setUpTables() {
    for (const head of document.querySelectorAll(".sortable th")) {
      head.querySelector("button").addEventListener("click", () => sort(head));
    }
    document.getElementById("search")?.addEventListener("input", (event) => {
      const words = event.target.value.toLowerCase().split(/\s+/);
      for (const row of document.querySelectorAll(".sortable tbody tr")) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
      markLines(words.filter(Boolean));
    });
  }

  /** In a source page, marks the lines with these words, and shows the first. */
  function markLines(words) {
    const lines = [...document.querySelectorAll(".listing .line")];
    const hits = lines.filter((line) => {
      const text = (line.querySelector("summary, .plain")?.textContent ?? "").toLowerCase();
      const hit = words.length > 0 && words.every((word) => text.includes(word));
      line.classList.toggle("hit", hit);
      return hit;
    });
    hits[0]?.scrollIntoView({ block: "nearest" });
    const count = document.getElementById("count");
    if (count) count.textContent = words.length ? `${hits.length} lines` : "";
  }

  /** A link to a line opens its C. */
  function openTarget() {
    const details = document.getElementById(location.hash.slice(1))?.querySelector("details");
    if (details) details.open = true;
  }

  /** Cython's page has no anchors: its lines are found by their order, and the link back follows the line in sight. */
  function setUpFrame() {
    const frame = document.getElementById("theirs");
    if (!frame) return;
    const lines = [...frame.contentDocument.querySelectorAll("pre.cython.line")];
    const back = document.getElementById("ours");
    const show = () => {
      const number = Number(location.hash.slice(2));
      for (const line of lines) line.style.outline = "";
      if (!lines[number - 1]) return;
      lines[number - 1].style.outline = "2px solid #0072b2";
      lines[number - 1].scrollIntoView({ block: "nearest" });
      back.hash = `L${number}`;
      back.textContent = `Line ${number}, with its figures`;
    };
    for (const link of frame.contentDocument.links) { // seen from where the page itself lies
      link.href = new URL(link.getAttribute("href"), document.getElementById("alone").href);
      link.target = "_top";
    }
    lines.forEach((line, i) => line.addEventListener("click", () => { location.replace(`#L${i + 1}`); }));
    addEventListener("hashchange", show);
    show();
  }

  addEventListener("load", setUpFrame); // the frame has its page by then
  addEventListener("hashchange", openTarget);
  addEventListener("DOMContentLoaded", () => {
    setUpTables();
    openTarget();
  });
})();
