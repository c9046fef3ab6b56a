"""TOML files, of whoever wrote them: read within bounds, or refused in one line. The only reader of them."""

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
"""A configuration that names a thousand sensors has a tenth of it; one of brackets alone becomes 23 MB."""


class TomlError(ValueError):
    """What is wrong with the file, in one line that does not name it."""


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds.

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
