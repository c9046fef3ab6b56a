"""A database is set aside with its SQLite files, and these do not fill the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.storage.state_dir import MAX_SET_ASIDE, SQLITE_SUFFIXES, StateDir

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES = ("", *SQLITE_SUFFIXES)


def leave(folder: Path) -> None:
    for suffix in SUFFIXES:
        (folder / f"db{suffix}").write_text(suffix)


def test_what_sqlite_keeps_beside_a_database_goes_aside_with_it(tmp_path: Path):
    """SQLite would apply a log that stayed to the new database."""
    leave(tmp_path)
    aside = StateDir(tmp_path).set_aside("db")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {f"{aside}{s}": s for s in SUFFIXES}


def test_of_several_the_latest_stay_and_their_logs(tmp_path: Path):
    asides = []
    for _ in range(MAX_SET_ASIDE + 2):
        leave(tmp_path)
        asides.append(StateDir(tmp_path).set_aside("db"))
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{name}{s}" for name in asides[-MAX_SET_ASIDE:] for s in SUFFIXES
    }
