"""Progress bar of `drsn-train` on stderr, and checks before it begins: extras installed, output folder writable."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from drsn.model.errors import StorageError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.progress import Progress, TaskID


@contextmanager
def torch_needed() -> Iterator[None]:
    """Wrap imports of packages that the base install does not have.

    Raises:
        UnavailableError: one of them failed.
    """
    try:
        yield
    except ImportError as error:
        raise UnavailableError(f"training needs {error.name}; pip install 'drsn-edge[train]'") from error


def made(folder: Path) -> Path:
    """Make a folder.

    Raises:
        StorageError: it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"output folder {folder}: can't make it ({error}); give another --out") from error
    return folder


class ProgressBar:
    """A progress bar over one training or several; where stderr is no terminal, rich draws it once at the end."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._earlier = self._step = 0

    @property
    def done(self) -> int:
        """Steps of all trainings so far."""
        return self._earlier + self._step

    def expect(self, steps: int) -> None:
        """Set the number of steps of all trainings together."""
        self._progress.update(self._task, total=steps)

    def step(self, step: int, loss: float) -> None:
        """Show the number of steps done and the running loss. A number that falls belongs to the next training."""
        if step <= self._step:
            self._earlier += self._step
        self._step = step
        self._progress.update(self._task, completed=self.done, description=f"training, loss {loss:.3f}")

    def say(self, text: str) -> None:
        """Print lines above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def bar(steps: int) -> Iterator[ProgressBar]:
    """Show a progress bar with this number of steps; it is full when the block ends without an error."""
    with torch_needed():
        from rich.console import Console  # noqa: PLC0415 (not in the base install)
        from rich.progress import Progress  # noqa: PLC0415
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("preparing data", total=steps)
        yield ProgressBar(progress, task)
        progress.update(task, completed=progress.tasks[task].total)
