"""A healthy machine with a false alarm, handled in three commands; then a real fault. On mosquitto, with processes."""

from __future__ import annotations

import json
import shlex
import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, frame
from drsn.agent.tools.labelling.labelled_folder import rows_of
from drsn.model.data.files import read_recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import Mosquitto

SENSOR = "press4-de"
RATE_HZ, N = 12_000.0, 16 * 2048


class Machine:
    """Sends signals as one sensor, with `seq`."""

    def __init__(self, broker: Mosquitto) -> None:
        self._broker, self._seq = broker, 0

    def play(self, samples: np.ndarray) -> None:
        for start in range(0, samples.shape[-1] - N + 1, N):
            self._seq += 1
            part = samples[..., start : start + N].reshape(1, -1).astype(np.float32)
            payload = frame.encode(Packet(part, sample_rate_hz=RATE_HZ, seq=self._seq, boot_id=1))
            self._broker.publish(f"plant/hall/{SENSOR}/frame", payload)

    def blow(self, seconds: float, *, struck: bool = False) -> None:
        """A healthy blower: noise that its blades modulate at 97 Hz, which the model takes for a fault.

        Args:
            seconds: of signal.
            struck: its bearing has a real fault, with strikes at 153 Hz.
        """
        rng, size = np.random.default_rng(self._seq), (round(seconds * RATE_HZ) // N + 1) * N
        t_s = np.arange(size) / RATE_HZ
        samples = rng.standard_normal(size) * (1 + 0.8 * np.sin(2 * np.pi * 97 * t_s))
        if struck:
            since_s = t_s % (1 / 153)
            samples += 8 * np.exp(-800 * since_s) * np.sin(2 * np.pi * 2_750 * since_s)
        self.play(samples)


@pytest.mark.slow
def test_three_commands_from_a_false_alarm_to_a_watched_machine(
    mosquitto: Mosquitto, make_agent: Callable, run_agent: Callable, wait_until: Callable, tmp_path: Path
):
    agent, machine = make_agent(mosquitto.url), Machine(mosquitto)
    agent.start("--set", "commission.seconds=20", "--set", "commission.give_up_after_s=60")
    wait_until(lambda: mosquitto.one("drsn/v1/_agent/tester/status").get("ingest") == "connected", what=agent.text())

    def alarm() -> dict:
        return mosquitto.one(f"drsn/v1/{SENSOR}/alarm")

    def shell(*arguments: str, code: int = 0) -> str:
        done = run_agent(*arguments, "--broker", mosquitto.url)
        assert done.returncode == code, (done.stdout, done.stderr, agent.text())
        return done.stdout + done.stderr

    def active() -> list[str]:
        return [each["condition"] for each in alarm().get("conditions", ()) if each["active"]]

    machine.blow(6)
    wait_until(active, what=agent.text())
    false = next(each for each in alarm()["conditions"] if each["active"])
    assert f"event {false['event_id']}" in shell("alarms"), "what the next command needs is shown"

    # One: the command without a person and a reason is a question.
    shown = shell("commission", SENSOR, "--despite-alarm", code=64)
    assert f"{false['condition']}" in shown
    assert "the agent learns the fault as healthy" in shown

    # Two: mark the event, twice.
    out = tmp_path / "labelled"
    words = ("false-alarm", false["event_id"], "--by", "ana", "--comment", "it is a blower", "--out", str(out))
    shown = shell(*words)
    assert "is there already" in shell(*words)
    assert [row.label for row in rows_of(out)] == ["normal"] * len(rows_of(out))
    recording = read_recording(out / rows_of(out)[0].file, None)
    assert recording.sample_rate_hz == RATE_HZ
    agent.stop(signal.SIGKILL)
    agent.start("--set", "commission.seconds=20", "--set", "commission.give_up_after_s=60")
    wait_until(lambda: mosquitto.one("drsn/v1/_agent/tester/status").get("ingest") == "connected", what=agent.text())
    (standing,) = [each for each in alarm()["conditions"] if each["condition"] == false["condition"]]
    assert (standing["false_alarm"], standing["suppressed_by"]) == (false["event_id"], "shelved")

    # Three: the command that the second one has proposed.
    proposed = shlex.split(next(line for line in shown.splitlines() if line.startswith("  drsn-agent")))
    request = {"request_id": "c1", "by": "ana", "sensor": SENSOR, "despite_alarm": True, "comment": "it is a blower"}
    assert proposed[1:] == [
        "commission", SENSOR, "--despite-alarm", "--by", "ana", "--comment", "it is a blower", "--broker", mosquitto.url
    ]  # fmt: skip
    mosquitto.publish("drsn/v1/_agent/tester/cmd/commission", json.dumps(request).encode())
    wait_until(lambda: "verb=commission by=ana" in agent.text(), what=agent.text())
    machine.blow(25)
    ended = f'event="command ended" verb=commission sensor={SENSOR} failed=None'
    wait_until(lambda: ended in agent.text(), what=agent.text())
    machine.blow(10)
    wait_until(lambda: mosquitto.health().get("inbox") == 0)
    assert alarm()["conditions"] == [], agent.text()
    shown = shell("commission", SENSOR, "--show")
    assert f"despite {false['condition']}" in shown
    assert "by ana: it is a blower" in shown

    # A real fault is an alarm that nothing suppresses.
    machine.blow(15, struck=True)
    wait_until(active, what=agent.text())
    assert alarm()["suppressed_by"] is None
    assert "marked as a false alarm" in shell("events", SENSOR)
