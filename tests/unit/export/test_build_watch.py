"""What is shown of a build, and how Ctrl-C reaches it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading

import pytest
from fake_builder import Builds, fake
from graphs import real_builder

from drsn.export.build_watch import Watch, cancellable, monitor


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def drive(watch: Watch, steps: int = 4) -> None:
    watch.started("Building engine", steps)
    watch.started("Timing tactics", 2)
    watch.stepped("Timing tactics", 0)
    watch.finished("Timing tactics")
    for step in range(steps):
        watch.stepped("Building engine", step)
    watch.finished("Building engine")


def test_a_journal_gets_whole_lines_that_say_how_far_it_is():
    stream = io.StringIO()
    drive(Watch(stream, every_s=0.0))
    lines = stream.getvalue().splitlines()
    assert "0 of 4; Timing tactics 1 of 2" in lines[2]
    assert "4 of 4; Building engine 4 of 4" in lines[-1]
    assert all(line.startswith("building, 0 s: ") for line in lines)


def test_a_journal_is_not_flooded():
    stream = io.StringIO()
    drive(Watch(stream), steps=10_000)
    assert stream.getvalue() == "", "nothing in the first seconds"


def test_a_terminal_gets_one_line_which_is_cleared_at_the_end():
    stream = Terminal()
    watch = Watch(stream)
    watch._every_s = 0.0
    drive(watch)
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_no_exception_leaves_a_monitor():
    """It would end the process: TensorRT's threads know none."""
    watch = Watch(io.StringIO(), every_s=0.0)
    watch._stream.close()
    made = monitor(fake("10.3.0", Builds()), watch)
    made.phase_start("Building engine", None, 2)
    assert made.step_complete("Building engine", 0) is True
    made.phase_finish("Building engine")


def test_a_cancel_is_the_answer_to_the_next_step():
    watch = Watch(io.StringIO())
    made = monitor(fake("10.3.0", Builds()), watch)
    watch.cancelled = True
    assert made.step_complete("Building engine", 0) is False


def test_ctrl_c_cancels_and_what_was_there_before_is_put_back():
    before, watch = signal.getsignal(signal.SIGINT), Watch(io.StringIO())
    with cancellable(watch, immediate=False):
        os.kill(os.getpid(), signal.SIGINT)
        assert watch.cancelled
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL, "a second one ends the process"
    assert signal.getsignal(signal.SIGINT) is before


def fail_while_cancellable() -> None:
    with cancellable(Watch(io.StringIO()), immediate=True):
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL, "8.6 can't be asked to stop"
        raise ValueError("failed")


def test_it_is_put_back_after_an_error_too():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="failed"):
        fail_while_cancellable()
    assert signal.getsignal(signal.SIGINT) is before


def test_beside_the_main_thread_signals_are_left_alone():
    failures = []

    def work() -> None:
        try:
            with cancellable(Watch(io.StringIO()), immediate=False):
                pass
        except ValueError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failures == []


def test_a_cancelled_command_ends_with_130_and_leaves_no_engine(bundle_path, tmp_path):
    """The whole of it: the real builder, a real signal in the middle of its steps."""
    real_builder()
    program = (
        "import os, signal, sys\n"
        "from drsn.export.build_watch import Watch\n"
        "stop = lambda self, *_: self.cancelled or os.kill(os.getpid(), signal.SIGINT)\n"
        "Watch.stepped = stop\n"
        "from drsn.export.__main__ import main\n"
        "sys.exit(main())"
    )
    options = ["--target", "trt-rtx", "--bundle", bundle_path, "--engine-dir", tmp_path, "--compute-capability", "8.6"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, options)], capture_output=True, check=False, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
    assert list(tmp_path.iterdir()) == []
