"""What is shown of a build, and how Ctrl-C reaches it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading

import pytest
from fake_tensorrt import Builds, fake
from graphs import real_builder

from drsn.export.build_progress import BuildProgress, cancellable, monitor


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def drive(progress: BuildProgress, steps: int = 4) -> None:
    progress.started("Building engine", steps)
    progress.started("Timing tactics", 2)
    progress.stepped("Timing tactics", 0)
    progress.finished("Timing tactics")
    for step in range(steps):
        progress.stepped("Building engine", step)
    progress.finished("Building engine")


def test_a_journal_gets_whole_lines_that_say_how_far_it_is():
    stream = io.StringIO()
    drive(BuildProgress(stream, every_s=0.0))
    lines = stream.getvalue().splitlines()
    assert "0 of 4; Timing tactics 1 of 2" in lines[2]
    assert "4 of 4; Building engine 4 of 4" in lines[-1]
    assert all(line.startswith("building, 0 s: ") for line in lines)


def test_a_journal_is_not_flooded():
    stream = io.StringIO()
    drive(BuildProgress(stream), steps=10_000)
    assert stream.getvalue() == "", "nothing in the first seconds"


def test_a_terminal_gets_one_line_which_is_cleared_at_the_end():
    stream = Terminal()
    progress = BuildProgress(stream)
    assert progress._every_s == 0.1, "drawn over ten times a second, however seldom a journal gets a line"
    progress._every_s = 0.0
    drive(progress)
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_what_tensorrt_tells_is_shown():
    stream = io.StringIO()
    progress = BuildProgress(stream, every_s=-1.0)
    made = monitor(fake("10.3.0", Builds()), progress)
    made.phase_start("Building engine", None, 2)
    made.phase_start("Timing", "Building engine", 7)
    assert made.step_complete("Timing", 2) is True
    made.phase_finish("Timing")
    assert made.step_complete("Building engine", 0) is True
    made.phase_finish("Building engine")
    assert [line.partition(": ")[2] for line in stream.getvalue().splitlines()] == [
        "0 of 2; Building engine 0 of 2",
        "0 of 2; Timing 0 of 7",
        "0 of 2; Timing 3 of 7",
        "1 of 2; Building engine 1 of 2",
    ]
    assert progress._phases == {}


def test_a_step_of_what_never_began_and_an_inner_end_show_nothing():
    stream = Terminal()
    progress = BuildProgress(stream)
    progress._every_s = -1.0
    progress.stepped("nobody's", 3)
    assert (stream.getvalue(), progress._phases) == ("", {})
    progress.started("Building engine", 4)
    progress.started("Timing", 2)
    progress.finished("Timing")
    assert not stream.getvalue().endswith("\x1b[K"), "the line stays until the whole is done"


def test_ctrl_c_in_the_middle_of_a_line_is_a_cancel_too(monkeypatch: pytest.MonkeyPatch):
    def interrupted(_phase: str, _step: int) -> None:
        raise KeyboardInterrupt

    progress = BuildProgress(io.StringIO())
    monkeypatch.setattr(progress, "stepped", interrupted)
    assert monitor(fake("10.3.0", Builds()), progress).step_complete("Building engine", 0) is False
    assert progress.cancelled


def test_a_stream_that_was_closed_ends_the_lines():
    stream = io.StringIO()
    progress = BuildProgress(stream, every_s=0.0)
    stream.close()
    drive(progress)


def test_a_line_that_would_wrap_is_cut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    progress = BuildProgress(stream)
    progress._every_s = 0.0
    progress.started("Building engine", 4)
    assert stream.getvalue() == "\r\x1b[Kbuilding, 0 s: 0 of"


def test_a_terminal_that_knows_no_escapes_gets_lines(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    drive(BuildProgress(stream, every_s=0.0))
    assert "\x1b" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) > 5


def test_a_process_without_stderr_builds_all_the_same():
    progress = BuildProgress(None, every_s=0.0)
    drive(progress)


class Gone(io.StringIO):
    """Whose reader went away."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        raise BrokenPipeError(32, text)


def test_a_reader_who_goes_away_ends_the_lines_and_not_the_build():
    stream = Gone()
    progress = BuildProgress(stream, every_s=0.0)
    drive(progress)
    assert stream.writes == 1


def test_no_exception_leaves_a_monitor():
    """It would end the process: TensorRT's threads know none."""
    progress = BuildProgress(io.StringIO(), every_s=0.0)
    progress._phases = None
    made = monitor(fake("10.3.0", Builds()), progress)
    made.phase_start("Building engine", None, 2)
    assert made.step_complete("Building engine", 0) is True
    made.phase_finish("Building engine")


def test_a_cancel_is_the_answer_to_the_next_step():
    progress = BuildProgress(io.StringIO())
    made = monitor(fake("10.3.0", Builds()), progress)
    progress.cancelled = True
    assert made.step_complete("Building engine", 0) is False


def test_ctrl_c_cancels_and_what_was_there_before_is_put_back():
    before, progress = signal.getsignal(signal.SIGINT), BuildProgress(io.StringIO())
    with cancellable(progress):
        os.kill(os.getpid(), signal.SIGINT)
        assert progress.cancelled
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL, "a second one ends the process"
    assert signal.getsignal(signal.SIGINT) is before


def fail_while_cancellable() -> None:
    with cancellable(BuildProgress(io.StringIO())):
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
            with cancellable(BuildProgress(io.StringIO())):
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
        "from drsn.export.build_progress import BuildProgress\n"
        "stop = lambda self, *_: self.cancelled or os.kill(os.getpid(), signal.SIGINT)\n"
        "BuildProgress.stepped = stop\n"
        "from drsn.export.__main__ import main\n"
        "sys.exit(main())"
    )
    options = ["--target", "trt-rtx", "--bundle", bundle_path, "--engine-dir", tmp_path, "--compute-capability", "8.6"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, options)], capture_output=True, check=False, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
    assert list(tmp_path.iterdir()) == []
