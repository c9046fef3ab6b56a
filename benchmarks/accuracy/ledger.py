"""The ledger of test-set use, `ledger.csv`: one line for each cell that was measured on a test set."""

from __future__ import annotations

import csv
import subprocess
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from drsn.model.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from accuracy.grid_cell import GridCell

HEAD = ("time", "commit", "recipe_sha256", "rung", "contestant", "seed", "snr_db", "macro_recall")


def committed(path: Path) -> str:
    """Return the commit that holds `path` unchanged: a recipe must be committed before it is run on a test set.

    Raises:
        ConfigurationError: it is not committed, was changed since, or this is no git checkout.
    """
    where = path.resolve().parent
    try:
        changed = _git(where, "status", "--porcelain", "--untracked-files=all", "--", path.name)
        commit = _git(where, "rev-parse", "HEAD")
        _git(where, "ls-files", "--error-unmatch", path.name)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigurationError(f"{path}: not committed, and test sets are for committed recipes; {error}") from error
    if changed:
        raise ConfigurationError(f"{path}: changed since it was committed; commit it, then test")
    return commit


def _git(where: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def note(path: Path, commit: str, cell: GridCell, snr_db: float, recall: float) -> None:
    """Append one line: the macro recall at one SNR; the cell's file has the others.

    Raises:
        StorageError: the ledger can't be written.
    """
    try:
        new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(HEAD)
            time = datetime.now(timezone.utc).isoformat(timespec="seconds")
            key = (cell.recipe_sha256, cell.protocol, cell.contestant, cell.seed)
            writer.writerow((time, commit, *key, f"{snr_db:g}", f"{recall:.4f}"))
    except OSError as error:
        raise StorageError(f"ledger {path}: {error.strerror or error}") from error
