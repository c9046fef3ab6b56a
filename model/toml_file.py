"""Reads TOML files within a size limit; an error is one line. All TOML files are read here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 20
"""Size limit. A configuration of a thousand sensors has a tenth of it; brackets alone would become 23 MB of objects."""


class TomlError(ValueError):
    """An unreadable TOML file; the text is one line without the file's name."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        TomlError: it can't be read, is larger than 1 MiB, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)  # no question of its size: a device says 0, and a file may grow
    except OSError as error:
        raise TomlError(error.strerror or str(error)) from None
    if len(content) > MAX_BYTES:
        raise TomlError(f"larger than {MAX_BYTES} bytes; what is written by hand is a small file")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise TomlError("not UTF-8, so not TOML") from None
    except RecursionError:
        raise TomlError("not TOML that anybody wrote: brackets within brackets without end") from None
    except tomllib.TOMLDecodeError as error:
        raise TomlError(f"not TOML: {error}") from None
    except ValueError:  # Python refuses to read more than 4,300 digits
        raise TomlError("not TOML that anybody wrote: a number of thousands of digits") from None
