"""A packet that really kills the process: SIGSEGV while it is decoded, by a module that Python loads at its start."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BOOT_ID, SEQ = 1, 21
KILLS = """
import os, signal, struct
from drsn.agent.acquisition.codecs import frame

innocent = frame.decode

def decode(payload, properties, form):
    if struct.unpack_from("<II", payload, 12) == ({seq}, {boot_id}) and properties.get("sensor") == "s003":
        os.kill(os.getpid(), signal.SIGSEGV)
    return innocent(payload, properties, form)

frame.decode = decode
"""


def test_a_packet_that_kills_the_agent_does_so_four_times_and_costs_nobody_else_anything(stage, tmp_path: Path):
    scene = stage("a packet that kills the process", sensors=5)
    scene.sensors.tell_name = True
    (tmp_path / "sitecustomize.py").write_text(KILLS.format(seq=SEQ, boot_id=BOOT_ID))
    scene.agent.environment |= {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    scene.begin()
    ends, deadline_s = [], time.monotonic() + 60
    while "poison" not in scene.subscriber.health.get("rejected", {}):
        if (code := scene.agent.process.poll()) is not None:
            ends.append(code)
            scene.fault(scene.agent.launch)
        assert time.monotonic() < deadline_s, scene.agent.text()[-2000:]
        time.sleep(0.05)
    assert ends == [-signal.SIGSEGV] * 4, "the first end is nobody's in particular, three more are the packet's"
    scene.sensors.lives["s003", BOOT_ID].refused.add(SEQ)
    scene.finish()
    assert scene.subscriber.health["rejected"] == {"poison": 1}
