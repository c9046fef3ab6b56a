// The present window of a machine, asked for each 2 s while the page can be seen.

import { h, setAttribute, setText } from "./dom.js";
import { paths, post } from "./api.js";
import { monotonicS } from "./clock.js";
import { requireToken } from "./commands.js";
import { duration } from "./format.js";
import { pictureView } from "./picture.js";
import { settings } from "./settings.js";
import { isLive, store } from "./store.js";

const EVERY_MS = 2000;
const AFTER_ERROR_MS = 6000;

export function liveSignal(sensor) {
  const picture = pictureView();
  const status = h("p", { class: "small live-status" });
  const pause = h("button", { type: "button", class: "small", "aria-pressed": "false", text: "Pause" });
  const token = h("button", { type: "button", class: "small primary", text: "Enter the token", hidden: true });
  let paused = false;
  let closed = false;
  let running = false;
  let timer = 0;
  let drawnS = null;
  let problem = "";

  const needsToken = () => store.page.needs_token && !settings().token;
  const wanted = () => !closed && !paused && !document.hidden && isLive() && !needsToken();

  function schedule(ms) {
    clearTimeout(timer);
    timer = setTimeout(() => { timer = 0; turn(); }, Math.max(0, ms));
  }

  async function turn() {
    if (running || !wanted()) return;
    running = true;
    const began = performance.now();
    problem = await draw();
    running = false;
    schedule((problem ? AFTER_ERROR_MS : EVERY_MS) - (performance.now() - began));
    tick();
  }

  /** Reads and draws the present window; returns why that failed, or nothing. */
  async function draw() {
    try {
      const now = await post(paths.snapshot(sensor));
      if (closed) return "";
      picture.set(now);
      drawnS = monotonicS();
      return "";
    } catch (error) {
      picture.say(error.message);
      return error.message;
    }
  }

  function statusWords() {
    const age = drawnS === null ? null : monotonicS() - drawnS;
    const old = age !== null && age > 4 ? ` The signal below is ${duration(age)} old.` : "";
    if (needsToken()) return "The live signal needs the token of the server.";
    if (problem) return problem + old;
    if (paused) return `Paused.${old}`;
    if (!isLive()) return `No connection.${old}`;
    return age === null ? "Waiting for the first signal …" : "Renewed each 2 s while this page is visible.";
  }

  function tick() {
    setText(status, statusWords());
    status.classList.toggle("warn", Boolean(problem) || needsToken());
    token.hidden = !needsToken();
    if (!timer) turn();
  }

  pause.addEventListener("click", () => {
    paused = !paused;
    setAttribute(pause, "aria-pressed", String(paused));
    setText(pause, paused ? "Go on" : "Pause");
    tick();
  });
  token.addEventListener("click", async () => {
    await requireToken(false);
    tick();
  });
  const seen = () => !document.hidden && tick();
  document.addEventListener("visibilitychange", seen);
  queueMicrotask(tick);
  return {
    picture, status, tick,
    heading: (id) => h("div", { class: "card-head" }, h("h2", { id, text: "Live signal" }), token, pause),
    close() {
      closed = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      picture.close();
    },
  };
}
