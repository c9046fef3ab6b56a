"""The recordings of a training, split so that no recording's samples are in two sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.model.data.recording import sha256_of

if TYPE_CHECKING:
    from drsn.model.confounding import Confounder
    from drsn.model.data.recording import Recording


@dataclass(frozen=True)
class Corpus:
    """Training, validation and test recordings, with notes on the split. The test set is used once, at the end."""

    train: tuple[Recording, ...]
    validation: tuple[Recording, ...]
    test: tuple[Recording, ...]
    notes: tuple[str, ...] = ()
    confounders: tuple[Confounder, ...] = ()
    """What separates labels besides the vibration."""
    added: tuple[str, ...] = ()
    """Names of the recordings of `drsn-train --add`; they are in `train`."""

    @property
    def sha256(self) -> str:
        """Hash of every sample and label used."""
        return sha256_of((*self.train, *self.validation, *self.test))
