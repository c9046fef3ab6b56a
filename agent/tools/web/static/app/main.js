// The page: the view of the address, the stream of changes, settings and keys.

import { agentsView } from "./agents_panel.js";
import { alarmsView } from "./alarms_view.js";
import { announce, beep, counts } from "./announcer.js";
import { drawBar, drawLink, tickBar } from "./connection_bar.js";
import { ask } from "./dialogs.js";
import { h, setAttribute, setText } from "./dom.js";
import { evidenceView } from "./evidence_view.js";
import { icon } from "./icons.js";
import { machineView } from "./machine_view.js";
import { overview } from "./overview.js";
import { change, isDark, onChange, settings } from "./settings.js";
import { store, subscribe } from "./store.js";
import { start } from "./stream.js";

const ROUTES = [
  [/^#?\/?$/, "overview", () => overview()],
  [/^#\/alarms$/, "alarms", () => alarmsView()],
  [/^#\/agents$/, "agents", () => agentsView()],
  [/^#\/machine\/([^/]+)$/, "overview", (sensor) => machineView(sensor)],
  [/^#\/machine\/([^/]+)\/evidence\/([^/]+)$/, "overview", (sensor, event) => evidenceView(sensor, event)],
];

const main = document.getElementById("main");
let view = null;
let scrolled = 0;
let shownHash = null;

function route() {
  if (store.link === "connecting") return;
  const [, name, make, found] = ROUTES.map(([pattern, ...rest]) => [pattern, ...rest, location.hash.match(pattern)]).find((each) => each[3]) ?? ["", "overview", overview, []];
  if (shownHash === "#/" || shownHash === "") scrolled = scrollY;
  view?.close();
  view = make(...[...found].slice(1).map(decoded));
  main.replaceChildren(view.root);
  for (const link of document.querySelectorAll("nav a")) setAttribute(link, "aria-current", link.dataset.view === name ? "page" : null);
  counts(view.title);
  const first = shownHash === null;
  shownHash = location.hash;
  scrollTo(0, shownHash === "#/" || shownHash === "" ? scrolled : 0);
  if (!first) main.focus({ preventScroll: true });
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // an address that a person typed
  }
}

function changed(what) {
  if (what.link) { drawLink(); drawBar(); }
  if (what.agents) drawBar();
  what.events.forEach(announce);
  if (view === null) {
    if (store.link !== "connecting") route();
  } else view.update(what);
  if (view !== null && (what.machines === null || what.machines.size || what.agents)) counts(view.title);
  if (what.machines === null) setText(document.getElementById("foot"), `drsn-web ${store.page.version} · topics ${store.prefix}/… · broker ${store.broker?.where ?? "–"}`);
}

async function openSettings() {
  const before = settings();
  const answer = await ask({
    title: "Settings of this browser",
    fields: [
      { name: "by", label: "Your name", value: before.by, hint: "Each command carries it." },
      { name: "token", label: "Token of the server", type: "password", value: before.token, hint: store.page.needs_token ? "Commands need it." : "This server needs none." },
      { name: "sound", label: "A sound for each new alarm", type: "checkbox", value: before.sound },
      { name: "title", label: "The number of new alarms in the title of the tab", type: "checkbox", value: before.title },
      { name: "keys", label: "Single keys: / filter, g machines, l alarms, a acknowledge the machine that has the focus", type: "checkbox", value: before.keys },
    ],
    submit: "Save",
  });
  if (answer === null) return;
  change(answer);
  if (answer.sound && !before.sound) beep();
}

const THEMES = { system: "light", light: "dark", dark: "system" };

function drawTheme() {
  const names = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  const button = document.getElementById("theme-button");
  button.replaceChildren(icon(settings().theme, 20), h("span", { class: "words", text: names[settings().theme] }));
  document.documentElement.classList.toggle("dark", isDark());
}

function key(event) {
  if (!settings().keys || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  if (event.key === "/") {
    event.preventDefault();
    if (!document.getElementById("search")) location.hash = "#/";
    setTimeout(() => document.getElementById("search")?.focus());
  } else if (event.key === "g") location.hash = "#/";
  else if (event.key === "l") location.hash = "#/alarms";
}

const settingsButton = document.getElementById("settings-button");
settingsButton.prepend(icon("gear", 20));
settingsButton.addEventListener("click", openSettings);
document.getElementById("theme-button").addEventListener("click", () => change({ theme: THEMES[settings().theme] }));
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
onChange(drawTheme);
onChange(() => view && counts(view.title));
addEventListener("hashchange", route);
addEventListener("keydown", key);
subscribe(changed);
drawTheme();
start();
setInterval(() => {
  if (document.hidden) return;
  view?.tick();
  tickBar();
}, 1000);
