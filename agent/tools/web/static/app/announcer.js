// New alarms for people who do not look at the page: a live region, and, if switched on, the title and a sound.

import { settings } from "./settings.js";
import { machines, store } from "./store.js";
import { conditionTitle, isNewAlarm, needsAnswer, SEVERITIES } from "./words.js";

let sound = null;

export function announce(event) {
  if (!isNewAlarm(event)) return;
  const region = document.getElementById("announcer");
  region.textContent = `New alarm: ${event.sensor}, ${conditionTitle(event.condition)}, ${SEVERITIES[event.severity] ?? event.severity}`;
  if (settings().sound) beep();
}

/** Counts of the alarms that ask for an answer: in the navigation, and in the title if switched on. */
export function counts(title) {
  let open = 0;
  for (const machine of machines()) if (machine.state !== "unknown") open += (machine.conditions ?? []).filter(needsAnswer).length;
  const problems = [...store.agents.values()].filter((agent) => agent.state !== "online").length;
  show("alarm-count", open, "to acknowledge");
  show("agent-count", problems, "with a problem");
  const text = `${settings().title && open ? `(${open}) ` : ""}${title} – drsn-edge`;
  if (document.title !== text) document.title = text;
}

function show(id, count, words) {
  const node = document.getElementById(id);
  node.hidden = count === 0;
  const text = String(count);
  if (node.textContent !== text) {
    node.textContent = text;
    node.setAttribute("title", `${count} ${words}`);
  }
}

/** Two short tones. A browser permits sound only after the person has used the page. */
export function beep() {
  sound ??= new AudioContext();
  for (const [start, hz] of [[0, 880], [0.22, 660]]) {
    const tone = sound.createOscillator();
    const volume = sound.createGain();
    tone.frequency.value = hz;
    volume.gain.setValueAtTime(0.15, sound.currentTime + start);
    volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + start + 0.18);
    tone.connect(volume).connect(sound.destination);
    tone.start(sound.currentTime + start);
    tone.stop(sound.currentTime + start + 0.2);
  }
}
