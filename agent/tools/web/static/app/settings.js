// What this browser keeps for its user: name, token, theme, sound. In localStorage; a page without it works, and asks again.

const KEY = "drsn.settings";
const DEFAULTS = { by: "", token: "", theme: "system", sound: false, title: false, keys: true };

let values = read();
const listeners = new Set();

function read() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) || "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}

export const settings = () => values;

export function change(more) {
  values = { ...values, ...more };
  try {
    localStorage.setItem(KEY, JSON.stringify(values));
  } catch {
    // No storage: the values stay until the page is closed.
  }
  if (values.theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = values.theme;
  for (const listener of listeners) listener(values);
}

export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether the page is dark now. */
export function isDark() {
  return values.theme === "system" ? matchMedia("(prefers-color-scheme: dark)").matches : values.theme === "dark";
}
