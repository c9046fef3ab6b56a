"""A server of the page for tests of the page alone: it serves the static files and the JSON that a test gives it."""

from __future__ import annotations

import json
import mimetypes
import queue
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

STATIC = Path(__file__).parents[1] / "agent" / "tools" / "web" / "static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
LABELS = ("normal", "inner_race", "outer_race", "ball")
_STATES = (
    ("active_unacked", "inner_race", "critical"), ("active_unacked", "outer_race", "major"),
    ("active_acked", "ball", "major"), ("cleared_unacked", "unknown", "minor"), ("active_acked", "silent", "minor"),
)  # fmt: skip


def iso(ago_s: float = 0.0) -> str:
    at = datetime.now(tz=timezone.utc) - timedelta(seconds=ago_s)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def result(sensor: str, label: str = "normal", rms: float = 0.31) -> dict[str, Any]:
    shares = {each: 0.97 if each == label else 0.01 for each in LABELS}
    return {
        "v": 1, "sensor": sensor, "t0": iso(0.2), "t1": iso(), "windows": 1, "label": label, "condition": label,
        "confidence": 0.97, "probabilities": shares, "novelty": -2.4, "suppressed_by": None, "rms": rms, "peak": 2.5,
        "unit": "g", "crest_factor": 7.9, "kurtosis": None, "velocity_rms_mm_s": None, "zone": None,
        "bundle": "synthetic@5df648799cf4", "commission": None,
    }  # fmt: skip


def condition(name: str, state: str, severity: str) -> dict[str, Any]:
    return {
        "condition": name, "label": name, "event_id": f"e-{name}", "state": state, "active": state.startswith("active"),
        "acked": state == "active_acked", "latched": False, "suppressed_by": None, "severity": severity,
        "since": iso(4000), "decided_at": iso(4000), "clock_synced": True, "confidence": 0.97, "votes": 6, "of": 8,
        "evidence": None, "window_label": name, "acked_by": "ana" if state == "active_acked" else None,
        "shelved_until": None, "by": None, "comment": None, "orphaned": False, "false_alarm": None,
    }  # fmt: skip


def machine(sensor: str, state: str = "normal", name: str | None = None, severity: str | None = None) -> dict[str, Any]:
    """A machine of the interface."""
    conditions = [condition(name, state, severity)] if name and severity else []
    return {
        "sensor": sensor, "agent": "line4", "agent_state": "online", "state": state, "condition": name,
        "text": name or "normal", "severity": severity, "confidence": 0.97 if name else None,
        "since": iso(4000) if name else None, "suppressed_by": None, "conditions": conditions,
        "event_id": f"e-{name}" if name else None, "not_watched": None, "result": result(sensor, name or "normal"),
        "result_age_s": 0.4, "windows_per_s": 5.9, "trend": [0.3 + 0.02 * ((7 * index) % 5) for index in range(60)],
    }  # fmt: skip


def many(count: int) -> list[dict[str, Any]]:
    """Machines of which one in fifty has an alarm."""
    made = []
    for number in range(count):
        state = _STATES[number // 50 % len(_STATES)] if number % 50 == 0 else ("normal", None, None)
        made.append(machine(f"machine{number:04d}-de", *state))
    return made


def state(machines: list[dict[str, Any]]) -> dict[str, Any]:
    agent = {
        "agent": "line4", "state": "online", "health_age_s": 0.5, "windows_per_s": 29.4,
        "status": {"state": "online", "reasons": [], "warnings": [], "backend": "onnxruntime", "version": "0.1.0",
                   "bundle": {"name": "synthetic", "version": "1", "sha256": "0"}},
        "health": {"sensors": len(machines), "uptime_s": 9000.0, "gaps": 0, "inbox": 0, "lost_events": 0,
                   "unpublished_events": 0, "packets": {"received": 100, "rejected": 0, "shed": 0},
                   "latency_ms": {"p50": 53.0, "p99": 122.2}},
    }  # fmt: skip
    source = {"agent": "line4", "name": "plant/hall3/oven/frame", "reason": "wrong_rate", "since": iso(900),
              "remedy": "The sample rate is missing or too low for the model. Set it."}  # fmt: skip
    return {
        "page": {"version": "0", "commands_allowed": True, "needs_token": False, "history_days": 30.0},
        "broker": {"connected": True, "where": "127.0.0.1:1883", "error": None}, "prefix": "drsn/v1", "now": iso(),
        "agents": [agent], "machines": machines, "not_watched": [source],
    }  # fmt: skip


def picture(sensor: str) -> dict[str, Any]:
    t, f = np.arange(2000) / 12_000, np.arange(0, 6000, 6.0)
    wave = np.sin(2 * np.pi * 1900 * t) * np.exp(-((t * 120) % 1) * 6)
    lines = np.exp(-(((f % 120) - 60) ** 2) / 40)
    return {
        "sensor": sensor, "event_id": None, "t0": iso(), "sample_rate_hz": 12_000.0, "unit": "g", "rpm": 1483.0,
        "channels": ["x"], "windows": [{"t0": iso(), "label": "inner_race", "condition": "inner_race",
        "probabilities": {"inner_race": 0.97}, "novelty": -2.0, "suppressed_by": None}],
        "waveform": {"t": t.tolist(), "min": (wave - 0.05).tolist(), "max": (wave + 0.05).tolist()},
        "spectrum": {"f_hz": f.tolist(), "amplitude": lines.tolist()},
        "envelope": {"f_hz": f.tolist(), "amplitude": lines.tolist()},
        "marks": [{"name": "BPFI", "f_hz": 120.0 * n, "harmonic": n} for n in (1, 2, 3)]
        + [{"name": "BPFO", "f_hz": 78.0 * n, "harmonic": n} for n in (1, 2, 3)],
        "thresholds": [{"block": n, "alpha_mean": 0.2 * n, "alpha_max": 0.3 * n} for n in (1, 2, 3)],
    }  # fmt: skip


class PageServer(ThreadingHTTPServer):
    """Serves a state; `push` sends a message of the stream to every page."""

    daemon_threads = True

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.document = document
        self.streams: list[queue.Queue[bytes]] = []
        self.commands: list[dict[str, Any]] = []
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def break_off(self) -> None:
        """End every stream, and refuse all requests until `accept`."""
        self.broken = True
        for stream in self.streams:
            stream.put(b"")

    def accept(self) -> None:
        self.broken = False

    def push(self, kind: str, data: dict[str, Any]) -> None:
        message = f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
        for stream in self.streams:
            stream.put(message)

    def answer(self, path: str) -> dict[str, Any]:
        sensor = path.split("/")[3] if path.count("/") >= 3 else ""
        t = [datetime.now(tz=timezone.utc).timestamp() - 60 + n for n in range(60)]
        if path == "/api/state":
            return self.document
        if path.endswith("/recent"):
            shares = {label: [0.25 + 0.01 * (n % 7) for n in range(60)] for label in LABELS}
            return {"t": t, "labels": LABELS, "probabilities": shares, "novelty": [-2.0] * 60, "rms": [0.3] * 60,
                    "condition": ["normal"] * 60}  # fmt: skip
        if path.endswith("/trend"):
            return {"t": t, "rms": [0.3] * 60, "rms_max": [0.4] * 60, "velocity_mm_s": [None] * 60, "step_s": 1.0}
        if path.endswith("/events"):
            return {"events": []}
        return picture(sensor)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PageServer

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/command":
            self.server.commands.append(json.loads(body))
            self._send(b'{"ok": true, "reason": null}', "application/json")
        else:
            self._send(json.dumps(self.server.answer(self.path)).encode(), "application/json")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if self.server.broken:
            self.send_error(503)
            return
        if path == "/api/stream":
            self._stream()
        elif path.startswith("/api/"):
            self._send(json.dumps(self.server.answer(path)).encode(), "application/json")
        else:
            file = STATIC / (path.strip("/") or "index.html")
            media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self._send(file.read_bytes(), media_type)

    def _send(self, content: bytes, media_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", CSP)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        messages: queue.Queue[bytes] = queue.Queue()
        self.server.streams.append(messages)
        self.wfile.write(b"retry: 1000\n\n")
        try:
            while not self.server.broken:
                self.wfile.write(messages.get())
                self.wfile.flush()
        except OSError:
            pass  # the page is closed
        self.server.streams.remove(messages)
        self.close_connection = True


@contextmanager
def page_server(machines: list[dict[str, Any]]) -> Iterator[PageServer]:
    """A running server; the context ends it."""
    server = PageServer(state(machines))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
