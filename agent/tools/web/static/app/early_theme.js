// Sets the theme before the first paint, so that a dark page does not flash in white. A script of its own: the page's
// Content-Security-Policy permits no inline script.
"use strict";
(() => {
  try {
    const theme = JSON.parse(localStorage.getItem("drsn.settings") || "{}").theme;
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // No storage, or not the text of this page: the theme of the system stays.
  }
})();
