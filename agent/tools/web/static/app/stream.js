// The server's stream of changes: connects, reads the whole state when it must, and notices a connection that is dead.

import { get, paths } from "./api.js";
import { monotonicS } from "./clock.js";
import { loseLink, store, takeChange, takeEvent, takeState } from "./store.js";

const SILENT_S = 20;
const RETRY_MS = 1500;

let source = null;
let reading = null;
let waiting = [];

export function start() {
  connect();
  setInterval(check, 5000);
}

function connect() {
  source?.close();
  source = new EventSource(paths.stream);
  source.addEventListener("open", () => readState());
  source.addEventListener("reload", () => readState());
  source.addEventListener("change", (message) => take(() => takeChange(JSON.parse(message.data))));
  source.addEventListener("alarm", (message) => take(() => takeEvent(JSON.parse(message.data))));
  source.addEventListener("error", lost);
}

/** Reads the whole state; changes that come meanwhile are applied after it. */
function readState() {
  reading ??= get(paths.state)
    .then((state) => {
      heard();
      takeState(state);
    })
    .catch(lost)
    .finally(() => {
      reading = null;
      for (const apply of waiting.splice(0)) apply();
    });
}

function take(apply) {
  heard();
  if (reading) waiting.push(apply);
  else apply();
}

function heard() {
  store.heardS = monotonicS();
}

/** The browser connects again by itself, except after an answer that is no stream. */
function lost() {
  loseLink();
  if (source.readyState === EventSource.CLOSED) setTimeout(() => source.readyState === EventSource.CLOSED && connect(), RETRY_MS);
}

/** A connection may be dead without an error: when nothing has come for long, ask the server. */
async function check() {
  if (store.link !== "open" || monotonicS() - store.heardS < SILENT_S) return;
  try {
    await fetch("favicon.svg", { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(4000) });
    heard();
  } catch {
    loseLink();
    connect();
  }
}
