"use strict";
(() => {
  const root = document.documentElement;

  const config = { displayModeBar: false, doubleClick: false };
  const drawn = new Set();

  /** The figure with each `var(--name)` replaced by the value that it has now. */
  function painted(value, styles) {
    if (typeof value === "string") {
      return value.startsWith("var(") ? styles.getPropertyValue(value.slice(4, -1)).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => painted(item, styles));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, painted(item, styles)]));
  }

  function draw(chart) {
    const text = document.getElementById(chart.dataset.figure).textContent;
    const figure = painted(JSON.parse(text), getComputedStyle(root));
    Plotly.react(chart, figure.data, { ...figure.layout, width: chart.clientWidth }, config);
    drawn.add(chart);
  }


  function setUpCharts() {
    const charts = [...document.querySelectorAll(".chart")];
    if (!window.Plotly) {
      document.querySelectorAll("details.data").forEach((details) => { details.open = true; });
      document.getElementById("no-charts").hidden = charts.length === 0;
      return;
    }
    if (!("IntersectionObserver" in window && "ResizeObserver" in window)) {
      charts.forEach(draw);
    } else {
      const sizes = new ResizeObserver((entries) => {
        for (const { target } of entries) if (target.clientWidth !== target.layout.width) draw(target);
      });
      const sight = new IntersectionObserver((entries) => {
        for (const { target, isIntersecting } of entries) {
          if (!isIntersecting) continue;
          sight.unobserve(target);
          draw(target);
          sizes.observe(target);
        }
      }, { rootMargin: "600px" });
      charts.forEach((chart) => sight.observe(chart));
    }
    // On paper every chart is there, in the light theme and in the width of the paper's column.
    const paper = (on) => {
      if (root.classList.contains("printing") === on) return;
      root.classList.toggle("printing", on);
      charts.forEach((chart) => { if (on || drawn.has(chart)) draw(chart); });
    };
    addEventListener("beforeprint", () => paper(true));
    addEventListener("afterprint", () => paper(false));
    matchMedia("print").addEventListener("change", (event) => paper(event.matches));
  }

  /** Marks the section in sight in the list of contents. */
  function setUpContents() {
    if (!("IntersectionObserver" in window)) return;
    const links = new Map([...document.querySelectorAll("#contents a")].map((link) => [link.hash.slice(1), link]));
    const sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        links.forEach((link) => link.removeAttribute("aria-current"));
        links.get(target.id).setAttribute("aria-current", "true");
      }
    }, { rootMargin: "-15% 0px -80% 0px" });
    document.querySelectorAll("main section[id]").forEach((section) => {
      if (links.has(section.id)) sight.observe(section);
    });
  }

  /** A link to a source opens it, where it lies in this page. */
  function openTarget() {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  }

  addEventListener("themechange", () => drawn.forEach(draw));
  addEventListener("hashchange", openTarget);
  addEventListener("DOMContentLoaded", () => { // after the deferred script of the charts
    setUpCharts();
    setUpContents();
    openTarget();
  });
})();
