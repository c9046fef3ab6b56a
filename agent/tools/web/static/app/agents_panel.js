// The agents with their health, and the sources that are not watched.

import { arrange, h, Rows, setText } from "./dom.js";
import { duration, number, timeNode } from "./format.js";
import { icon } from "./icons.js";
import { ageS, store } from "./store.js";
import { reasonTitle } from "./words.js";

const WORDS = { online: "Online", degraded: "Degraded", stopped: "Stopped", offline: "Offline", unknown: "Not known" };

const rank = (agent) => ({ offline: 0, stopped: 1, unknown: 2, degraded: 3 })[agent.state] ?? 4;

/** @param {{compact: boolean}} form beside the machines, or a view of its own */
export function agentsPanel({ compact }) {
  const agents = new Rows(() => agentCard(compact));
  const list = h("div", { class: "cards" });
  const noAgent = h("p", { class: "empty", text: "No agent has published its status." });
  const sources = h("div", { class: "sources" });
  const root = h("div", { class: compact ? "panel compact" : "panel" },
    h(compact ? "h2" : "h1", { text: "Agents" }), list, noAgent,
    h("h2", { text: "Sources that are not watched" }), sources);
  function all() {
    const sorted = [...store.agents.values()].sort((a, b) => rank(a) - rank(b) || a.agent.localeCompare(b.agent));
    arrange(list, sorted.map((each) => agents.get(each.agent, each).node));
    agents.keep(new Set(store.agents.keys()));
    noAgent.hidden = sorted.length > 0;
  }
  function notWatched() {
    sources.replaceChildren(...(store.notWatched.length ? store.notWatched.map(sourceCard) : [h("p", { class: "empty", text: "None. Every source of packets is diagnosed." })]));
  }
  all();
  notWatched();
  return {
    root,
    update(change) {
      if (change.agents || change.machines === null) all();
      if (change.notWatched) notWatched();
    },
    tick() { for (const row of agents.rows.values()) row.tick(); },
  };
}

function agentCard(compact) {
  const node = h("article", { class: "card agent-card" });
  const age = h("dd");
  let agent = null;
  let shown = "";
  const tick = () => setText(age, agent && ageS(agent) !== null ? `${duration(ageS(agent))} ago` : "none yet");
  return {
    node, tick,
    update(now) {
      agent = now;
      const { seenS: _, health_age_s: __, ...rest } = now;
      const text = JSON.stringify(rest);
      if (text !== shown) {
        shown = text;
        node.className = `card agent-card agent-${now.state}`;
        node.replaceChildren(...agentContent(now, age, compact));
      }
      tick();
    },
  };
}

function agentContent({ agent, state, status, health, windows_per_s: rate }, age, compact) {
  const latency = health?.latency_ms ?? {};
  const packets = health?.packets ?? {};
  const rows = [
    ["Health", age],
    ["Windows", rate === null || rate === undefined ? "–" : `${number(rate)} per s`],
    ["Sensors", number(health?.sensors)],
    ["Latency", latency.p50 === undefined ? "–" : `${number(latency.p50)} ms; 99 %: ${number(latency.p99)} ms`],
    !compact && ["Packets", `${number(packets.received)} received, ${number(packets.rejected)} rejected, ${number(packets.shed)} discarded`],
    !compact && ["Gaps", number(health?.gaps)],
    !compact && ["Waiting", `${number(health?.inbox)} packets, ${number(health?.unpublished_events)} events`],
    !compact && ["Lost events", number(health?.lost_events)],
    !compact && ["Runs for", duration(health?.uptime_s)],
    !compact && ["Model", status?.bundle ? `${status.bundle.name}, version ${status.bundle.version}, ${status.backend}` : "–"],
    !compact && ["Version", status?.version ?? "–"],
  ].filter(Boolean);
  const notes = [...(status?.reasons ?? []), ...(status?.warnings ?? [])];
  return [
    h("h3", {}, icon(state, 18), h("span", { text: agent }), h("span", { class: `state-words s-${state}`, text: WORDS[state] ?? state })),
    h("dl", { class: "facts tight" }, rows.map(([name, value]) => h("div", {}, h("dt", { text: name }), value instanceof Node ? value : h("dd", { text: value })))),
    notes.length ? h("ul", { class: "notes" }, notes.map((text) => h("li", { text }))) : null,
  ].filter(Boolean);
}

function sourceCard(source) {
  return h("article", { class: "card source-card" },
    h("h3", {}, icon("not_watched", 18), h("span", { class: "free", text: source.name })),
    h("p", {}, h("strong", { text: reasonTitle(source.reason) })),
    h("p", { class: "remedy", text: source.remedy }),
    h("p", { class: "small" }, h("code", { text: source.reason }), " · since ", timeNode(source.since), ` · agent ${source.agent}`));
}

/** The view `#/agents`. */
export function agentsView() {
  const panel = agentsPanel({ compact: false });
  return { root: panel.root, title: "Agents", update: panel.update, tick: panel.tick, close() {} };
}
