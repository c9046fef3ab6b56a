// A shape for each state and severity: a person who cannot tell the colours apart sees the shape.

import { svg } from "./dom.js";

const SHAPES = {
  critical: ["M12 2 22 12 12 22 2 12z", "M12 7v6M12 16v1"],
  major: ["M12 3 22 21H2z", "M12 9v6M12 17.6v.6"],
  minor: ["M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z", "M12 8v5M12 16v.6"],
  info: ["M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z", "M12 11v6M12 7.4v.6"],
  normal: ["", "M5 12.5 10 17.5 19 7"],
  not_watched: ["", "M3 12c3-5 6-7 9-7s6 2 9 7c-3 5-6 7-9 7s-6-2-9-7zM4 20 20 4"],
  unknown: ["M4 4h16v16H4z", "M9.2 9.5c0-1.7 1.3-2.7 2.9-2.7s2.9 1 2.9 2.5c0 2.2-2.9 2.2-2.9 4.2M12 16.6v.6"],
  ended: ["", "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM8.5 12h7"],
  acked: ["M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z", "M8 12.5l3 3 5-6"],
  system: ["", "M3 5h18v11H3zM9 20h6M12 16v4"],
  light: ["", "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2"],
  dark: ["", "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z"],
  gear: ["", "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5"],
  online: ["", "M5 12.5 10 17.5 19 7"],
  degraded: ["M12 3 22 21H2z", "M12 9v6M12 17.6v.6"],
  stopped: ["M5 5h14v14H5z", ""],
  offline: ["M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z", "M8.5 8.5l7 7M15.5 8.5l-7 7"],
};

/** An icon of 20 px; decorative, for its words stand beside it. */
export function icon(name, size = 20) {
  const [filled, drawn] = SHAPES[name] ?? SHAPES.unknown;
  return svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true", focusable: "false" },
    filled ? svg("path", { class: "icon-fill", d: filled }) : null,
    drawn ? svg("path", { class: "icon-line", d: drawn }) : null,
  );
}

/** Name of the icon of a machine or a condition. */
export function iconOf(each) {
  if (each.state === "unknown") return "unknown";
  if (each.state === "normal" || each.state === "not_watched") return each.state;
  if (each.state === "cleared_unacked") return "ended";
  return each.severity ?? "minor";
}
