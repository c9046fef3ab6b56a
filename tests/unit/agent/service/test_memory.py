from __future__ import annotations

import subprocess
import sys


def test_what_the_start_made_is_left_out_of_collections():
    # In a process of its own: what is frozen stays so.
    program = "import gc; from drsn.agent.service.memory import settle; settle(); print(gc.get_freeze_count())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100
