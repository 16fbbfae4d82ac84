"use strict";
/** The theme: the system's, or the one chosen before. Every page has this script first; "themechange" tells it. */
(() => {
  const root = document.documentElement;
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const store = {
    // a page opened from a file may be refused its storage
    get theme() { try { return localStorage.getItem("gilscope-theme"); } catch { return null; } },
    set theme(name) { try { localStorage.setItem("gilscope-theme", name); } catch { /* for this visit only */ } },
  };
  const isDark = () => (root.dataset.theme ?? (systemDark.matches ? "dark" : "light")) === "dark";
  if (store.theme) root.dataset.theme = store.theme; // before the first paint

  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const show = () => { button.textContent = isDark() ? "Light theme" : "Dark theme"; };
    const change = () => { show(); dispatchEvent(new Event("themechange")); };
    button.hidden = false;
    show();
    button.addEventListener("click", () => {
      store.theme = root.dataset.theme = isDark() ? "light" : "dark";
      change();
    });
    systemDark.addEventListener("change", change);
  });
})();
