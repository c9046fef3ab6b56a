"""What a bad disk, or a person, does to a database: pages overwritten, files that end too early."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from pathlib import Path

PAGE = 4096


def overwrite(path: Path, chance: random.Random) -> None:
    """Some pages in the middle hold something else."""
    pages = max(2, path.stat().st_size // PAGE)
    first = chance.randrange(1, pages)
    last = chance.randint(first, min(first + pages // 2, pages - 1))
    noise = chance.choice((chance.randbytes(PAGE), bytes(PAGE), b"what belongs elsewhere".ljust(PAGE)))
    with path.open("r+b") as file:
        for page in range(first, last + 1):
            file.seek(page * PAGE)
            file.write(noise)


def overwrite_most(path: Path, chance: random.Random) -> None:
    """All pages but the first."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(chance.randbytes(size - PAGE))


def shorten(path: Path, chance: random.Random) -> None:
    """The file ends somewhere, in the middle of a page as likely as not."""
    os.truncate(path, chance.randrange(path.stat().st_size))


def checkpoint(path: Path) -> None:
    """As a curious shell would: all that is in the log goes into the file, and who has it open reads it anew."""
    with closing(sqlite3.connect(path, timeout=5)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
