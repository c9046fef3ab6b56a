// One bar at the top for what makes the shown states invalid: no server, no broker, an agent that is offline.

import { h, setText } from "./dom.js";
import { duration } from "./format.js";
import { monotonicS } from "./clock.js";
import { store } from "./store.js";

let since = null;
let shown = "";

/** What is wrong: [headline, explanation], or null. */
function problem() {
  if (store.link === "lost") return ["No connection to the server of this page.", "All states below are the last known ones. The page connects again by itself."];
  if (store.link === "open" && store.broker && !store.broker.connected) {
    return [`The server has no connection to the broker ${store.broker.where}.`, `${store.broker.error ? `${store.broker.error}. ` : ""}All states below are the last known ones.`];
  }
  const off = [...store.agents.values()].filter((agent) => agent.state === "offline" || agent.state === "stopped").map((agent) => agent.agent);
  if (off.length === 0) return null;
  const names = off.slice(0, 5).join(", ") + (off.length > 5 ? ` and ${off.length - 5} more` : "");
  return [`${off.length === 1 ? "Agent" : "Agents"} ${names}: not running.`, "No machine of it is watched now. Its alarms are the last known ones."];
}

export function drawBar() {
  const bar = document.getElementById("bar");
  const found = problem();
  const stale = store.link === "lost" || Boolean(store.broker && !store.broker.connected);
  document.body.classList.toggle("stale", stale && store.link !== "connecting");
  if (found === null) {
    since = null;
    shown = "";
    if (bar.childElementCount) bar.replaceChildren();
    return;
  }
  since ??= monotonicS();
  const text = found.join("|");
  if (text === shown) return;
  shown = text;
  bar.replaceChildren(h("p", { class: "bar" }, h("strong", { text: found[0] }), ` ${found[1]} `, h("span", { class: "bar-age", "aria-hidden": "true" })));
}

export function tickBar() {
  const age = document.querySelector(".bar-age");
  if (age && since !== null && monotonicS() - since >= 5) setText(age, `For ${duration(monotonicS() - since)}.`);
}

export function drawLink() {
  const node = document.getElementById("link-state");
  const broker = store.broker?.connected;
  const state = store.link !== "open" ? store.link : broker ? "open" : "lost";
  node.dataset.link = state;
  setText(node.querySelector(".words"), { connecting: "Connecting", open: "Connected", lost: "No connection" }[state]);
}
