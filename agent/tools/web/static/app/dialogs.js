// Questions to the person, and short answers. <dialog> keeps the focus inside, and Escape closes it.

import { h } from "./dom.js";

/**
 * Asks in a dialog. Fields: {name, label, type: text|textarea|select|checkbox|password, value, options, required, hint}.
 * Resolves to the values, or null if the person cancels.
 */
export function ask({ title, text = [], fields = [], submit = "OK", cancel = "Cancel", danger = false }) {
  const inputs = fields.map(fieldOf);
  const paragraphs = [text].flat().map((each) => h("p", { text: each }));
  const ok = h("button", { type: "submit", class: danger ? "danger" : "primary", text: submit });
  const close = cancel ? h("button", { type: "button", text: cancel }) : null;
  const form = h("form", {}, h("h2", { id: "dialog-title", text: title }), paragraphs, inputs.map((each) => each.node), h("div", { class: "buttons" }, close, ok));
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
  return new Promise((resolve) => {
    let answer = null;
    close?.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer = Object.fromEntries(inputs.map((each) => [each.name, each.value()]));
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    (dialog.querySelector("input:not([type=checkbox]), textarea, select") ?? ok).focus();
  });
}

function fieldOf({ name, label, type = "text", value = "", options = [], required = false, hint = "" }) {
  const id = `field-${name}`;
  const described = hint ? `${id}-hint` : null;
  const common = { id, name, required, "aria-describedby": described, autocomplete: "off" };
  let input;
  if (type === "textarea") input = h("textarea", { ...common, rows: 2, maxlength: 500 });
  else if (type === "select") input = h("select", common, options.map(([key, words]) => h("option", { value: key, text: words })));
  else input = h("input", { ...common, type, maxlength: type === "checkbox" ? null : 200 });
  if (type === "checkbox") input.checked = Boolean(value);
  else if (value) input.value = value;
  const words = h("label", { for: id, text: label });
  const more = hint ? h("small", { id: described, text: hint }) : null;
  const node = type === "checkbox" ? h("div", { class: "field check" }, input, words, more) : h("div", { class: "field" }, words, input, more);
  return { name, node, value: () => (type === "checkbox" ? input.checked : input.value.trim()) };
}

const SHOWN_MS = 8000;

/** Shows an answer. An error stays until the person closes it. */
export function say(text, kind = "good") {
  const region = document.getElementById("messages");
  const close = h("button", { type: "button", class: "quiet", "aria-label": "Close this message", text: "✕" });
  const node = h("div", { class: `message ${kind}` }, h("span", { text }), close);
  close.addEventListener("click", () => node.remove());
  while (region.children.length >= 4) region.firstElementChild.remove();
  region.append(node);
  if (kind === "good") setTimeout(() => node.remove(), SHOWN_MS);
}
