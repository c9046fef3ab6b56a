"""Keeps a training that may be cut off: `training.pt`, from which it goes on to the same weights, to the bit."""

from __future__ import annotations

import hashlib
import io
import signal
import time
import warnings
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from drsn.model.errors import BadDataError, StorageError, UsageError
from drsn.model.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from drsn.model.course import Course
    from drsn.model.origin import Origin
    from drsn.model.recipe import Recipe

FORMAT = 1
EVERY_S = 60.0
REMEDY = "--restart begins anew"


@dataclass(frozen=True)
class Identity:
    """What decides the weights. A training goes on only where all of it is as it was."""

    recipe: str
    data: str
    bundle: str
    torch: str
    numpy: str

    @classmethod
    def of(cls, recipe: Recipe, data_sha256: str, origin: Origin | None) -> Identity:
        """Of a training that starts here and now."""
        return cls(
            recipe=hashlib.sha256(recipe.model_dump_json().encode()).hexdigest(),
            data=data_sha256,
            bundle=origin.sha256 if origin else "",
            torch=str(torch.__version__),  # its own class is no plain string to a file that holds no code
            numpy=np.__version__,
        )


class Keeper:
    """Writes the state of a course at least every `every_s` seconds, at its end, and when someone presses Ctrl-C.

    `found` is the document to go on from, None for a new training.
    """

    def __init__(
        self,
        path: Path,
        identity: Identity,
        found: dict[str, Any] | None = None,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._identity = identity
        self._found = found
        self._every_s = every_s
        self._clock = clock
        self._begun_s = self._kept_s = clock()
        self._stop = False

    @classmethod
    def resumed(cls, path: Path, identity: Identity) -> Keeper:
        """Go on from the file at `path`.

        Raises:
            BadDataError: it can't be read.
            UsageError: it is of another training.
        """
        found = _read(path)
        differ = [name for name, value in asdict(identity).items() if found["identity"].get(name) != value]
        if differ:
            raise UsageError(f"training {path}: {' and '.join(differ)} changed since then; put it back, or {REMEDY}")
        return cls(path, identity, found)

    @property
    def earlier_s(self) -> float:
        """Seconds that the training had taken before it was cut off."""
        return float(self._found["spent_s"]) if self._found else 0.0

    def restore(self, course: Course, rng: np.random.Generator) -> None:
        """Bring both, and torch's generator, to where they were; nothing happens to a new training.

        Raises:
            BadDataError: the file does not hold what this course needs.
        """
        if not self._found:
            return
        try:
            course.restore(self._found["course"])
            rng.bit_generator.state = self._found["numpy"]
            torch.set_rng_state(self._found["torch"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise BadDataError(f"training {self._path}: damaged ({error!r}); {REMEDY}") from error

    def after_step(self, course: Course, drawn: dict[str, Any]) -> None:
        """Write if it is time to; `drawn` is the state of the generator of batches before the next one.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; all is written.
            StorageError: it can't be written.
        """
        due = self._clock() - self._kept_s >= self._every_s
        if due or self._stop or not course.steps_left:
            self._write(course, drawn)
            self._kept_s = self._clock()
        if self._stop:
            raise KeyboardInterrupt

    def _write(self, course: Course, drawn: dict[str, Any]) -> None:
        document = {
            "format": FORMAT,
            "identity": asdict(self._identity),
            "spent_s": self.earlier_s + self._clock() - self._begun_s,
            "course": course.state(),
            "numpy": drawn,
            "torch": torch.get_rng_state(),
        }
        stream = io.BytesIO()
        torch.save(document, stream)
        try:
            write_whole(self._path, stream.getvalue())
        except OSError as error:
            raise StorageError(f"training {self._path}: can't write it ({error}); check the folder") from error

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C wait until the step is done, the second not; where it is ignored, it stays so."""
        usual = signal.getsignal(signal.SIGINT)
        if usual is signal.SIG_IGN:
            yield
            return

        def ask(_number: int, _frame: object) -> None:
            self._stop = True
            signal.signal(signal.SIGINT, usual)

        signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, usual)


def _read(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch muses about the pickle protocol of foreign bytes
            return _checked(torch.load(path, map_location="cpu", weights_only=True))
    except OSError as error:
        raise BadDataError(f"training {path}: can't read it ({error}); {REMEDY}") from error
    except Exception as error:  # torch raises half a dozen unrelated types on foreign bytes
        raise BadDataError(f"training {path}: damaged or foreign; {REMEDY}") from error


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    """Raises one of many types on anything unexpected; what the course needs shows when it is restored."""
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']}, expected {FORMAT}")
    return {**document, "identity": dict(document["identity"]), "spent_s": float(document["spent_s"])}
