"""What campaigns found worth keeping: one text file a target, an input in base64 a line, the shortest first."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = Path(__file__).with_name("corpus")


def kept(target: str) -> list[bytes]:
    """The inputs of a target."""
    path = FOLDER / f"{target}.txt"
    return [base64.b64decode(line) for line in path.read_text().splitlines()] if path.exists() else []


def keep(target: str, inputs: Iterable[bytes], max_bytes: int) -> int:
    """Write the shortest of a target's inputs, as far as `max_bytes` go; how many."""
    lines, size = [], 0
    for each in sorted(inputs, key=lambda each: (len(each), each)):
        line = base64.b64encode(each).decode()
        size += len(line) + 1
        if size > max_bytes:
            break
        lines.append(line)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{target}.txt").write_text("".join(f"{line}\n" for line in lines))
    return len(lines)
