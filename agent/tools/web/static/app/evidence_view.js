// The signal behind an event, with downloads.

import { h, setText } from "./dom.js";
import { get, paths } from "./api.js";
import { timeNode } from "./format.js";
import { pictureView } from "./picture.js";
import { conditionTitle, eventWords } from "./words.js";

const FORMS = [["npz", "NumPy: everything, for drsn-agent evidence"], ["csv", "table of the samples"], ["wav", "sound"]];

const card = (title, id, ...content) => h("section", { class: "card", "aria-labelledby": id }, h("h2", { id, text: title }), content);

export function evidenceView(sensor, eventId) {
  const picture = pictureView();
  const status = h("p", { class: "empty", role: "status", text: "Asking the agent for the signal …" });
  const event = h("p", { class: "lead" });
  const downloads = h("div", { class: "buttons" }, FORMS.map(([form, words]) =>
    h("a", { class: "button", href: paths.evidence(sensor, eventId, form), download: true, title: words, text: `Download .${form}` })));
  const cards = h("div", { class: "machine", hidden: true },
    h("section", { class: "card wide", "aria-labelledby": "e-signal" }, h("h2", { id: "e-signal", text: "Signal" }), picture.facts, picture.charts),
    card("Windows", "e-windows", picture.windows), card("Learned thresholds", "e-thresholds", picture.thresholds));
  downloads.hidden = true;
  let closed = false;

  get(paths.evidence(sensor, eventId))
    .then((found) => {
      if (closed) return;
      cards.hidden = false;
      downloads.hidden = false;
      picture.set(found);
      setText(status, "");
    })
    .catch((error) => setText(status, error.message));
  get(paths.events(sensor))
    .then(({ events }) => {
      const found = events.find((each) => each.event_id === eventId);
      if (found) event.replaceChildren(timeNode(found.decided_at), ` · ${eventWords(found)}: ${conditionTitle(found.condition)}`);
    })
    .catch(() => {}); // the signal is the content of this view; the event is an addition

  return {
    root: h("div", { class: "evidence" },
      h("p", { class: "back" }, h("a", { href: `#/machine/${encodeURIComponent(sensor)}`, text: `← ${sensor}` })),
      h("h1", { text: "Signal behind an event" }), event, h("p", { class: "small free", text: `${sensor} · event ${eventId}` }), downloads, status, cards),
    title: `Signal, ${sensor}`,
    update() {}, tick() {},
    close() { closed = true; picture.close(); },
  };
}
