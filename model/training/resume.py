"""The resume file `training.pt`: an interrupted training continues from it to the same weights, bit for bit."""

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

    from drsn.model.recipe import Recipe
    from drsn.model.training.pretrained import PretrainedModel
    from drsn.model.training.schedule import Trainer

FORMAT = 1
EVERY_S = 60.0
REMEDY = "--restart begins anew"


@dataclass(frozen=True)
class TrainingIdentity:
    """Hashes and versions that determine the weights. A training is resumed only where all of them are unchanged."""

    recipe: str
    data: str
    bundle: str
    torch: str
    numpy: str

    @classmethod
    def of(cls, recipe: Recipe, data_sha256: str, pretrained: PretrainedModel | None) -> TrainingIdentity:
        """The identity of a training with this recipe, data and pretrained bundle, in this Python environment."""
        return cls(
            recipe=hashlib.sha256(recipe.model_dump_json().encode()).hexdigest(),
            data=data_sha256,
            bundle=pretrained.sha256 if pretrained else "",
            torch=str(torch.__version__),  # its own class is no plain string to a file that holds no code
            numpy=np.__version__,
        )


class ResumeFile:
    """Saves the state of a training at least every `every_s` seconds, at its end, and after Ctrl-C.

    `found` is the document to continue from, None for a new training.
    """

    def __init__(
        self,
        path: Path,
        identity: TrainingIdentity,
        found: dict[str, Any] | None = None,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._identity = identity
        self._found = found
        self._every_s = every_s
        self._clock = clock
        self._started_s = self._saved_s = clock()
        self._stop = False

    @classmethod
    def resumed(cls, path: Path, identity: TrainingIdentity) -> ResumeFile:
        """Continue from the file at `path`.

        Raises:
            BadDataError: the file can't be read.
            UsageError: it belongs to another training.
        """
        found = _read(path)
        differ = [name for name, value in asdict(identity).items() if found["identity"].get(name) != value]
        if differ:
            raise UsageError(f"training {path}: {' and '.join(differ)} changed since then; put it back, or {REMEDY}")
        return cls(path, identity, found)

    @property
    def earlier_s(self) -> float:
        """Seconds that the training took before it was interrupted."""
        return float(self._found["spent_s"]) if self._found else 0.0

    def restore(self, trainer: Trainer, rng: np.random.Generator) -> None:
        """Restore trainer, generator and torch's generator; does nothing for a new training.

        Raises:
            BadDataError: the file does not hold what this trainer needs.
        """
        if not self._found:
            return
        try:
            trainer.restore(self._found["course"])
            rng.bit_generator.state = self._found["numpy"]
            torch.set_rng_state(self._found["torch"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise BadDataError(f"training {self._path}: damaged ({error!r}); {REMEDY}") from error

    def after_step(self, trainer: Trainer, rng_state: dict[str, Any]) -> None:
        """Save if it is due; `rng_state` is the state of the batches' generator before the next batch.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; the state is saved.
            StorageError: the file can't be written.
        """
        due = self._clock() - self._saved_s >= self._every_s
        if due or self._stop or not trainer.steps_left:
            self._write(trainer, rng_state)
            self._saved_s = self._clock()
        if self._stop:
            raise KeyboardInterrupt

    def _write(self, trainer: Trainer, rng_state: dict[str, Any]) -> None:
        document = {
            "format": FORMAT,
            "identity": asdict(self._identity),
            "spent_s": self.earlier_s + self._clock() - self._started_s,
            "course": trainer.state(),
            "numpy": rng_state,
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
        """Delay the first Ctrl-C until the step is done; the second acts at once. An ignored SIGINT stays ignored."""
        previous = signal.getsignal(signal.SIGINT)
        if previous is signal.SIG_IGN:
            yield
            return

        def request_stop(_number: int, _frame: object) -> None:
            self._stop = True
            signal.signal(signal.SIGINT, previous)

        signal.signal(signal.SIGINT, request_stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)


def _read(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch warns about the pickle protocol of foreign bytes
            return _checked(torch.load(path, map_location="cpu", weights_only=True))
    except OSError as error:
        raise BadDataError(f"training {path}: can't read it ({error}); {REMEDY}") from error
    except Exception as error:  # torch raises half a dozen unrelated types on foreign bytes
        raise BadDataError(f"training {path}: damaged or foreign; {REMEDY}") from error


def _checked(document: dict[str, Any]) -> dict[str, Any]:
    """Check the outer fields; anything unexpected raises one of many types. `restore` checks the rest."""
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']}, expected {FORMAT}")
    return {**document, "identity": dict(document["identity"]), "spent_s": float(document["spent_s"])}
