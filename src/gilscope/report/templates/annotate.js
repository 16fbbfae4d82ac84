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
    });
  }

  /** A link to a line opens its C. */
  function openTarget() {
    const details = document.getElementById(location.hash.slice(1))?.querySelector("details");
    if (details) details.open = true;
  }

  addEventListener("hashchange", openTarget);
  addEventListener("DOMContentLoaded", () => {
    setUpTables();
    openTarget();
  });
})();
