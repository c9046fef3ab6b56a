"""Version numbers of TensorRT: a library gives three or four of them, a plan's header gives four."""

from __future__ import annotations

import re

Version = tuple[int, ...]


def parse_version(text: str) -> Version:
    """Convert '10.3.0.30' to (10, 3, 0, 30); a suffix such as 'rc1' or '+cuda12' is ignored."""
    return tuple(int(part) for part in re.findall(r"(?:^|(?<=\.))\d+", text)[:4])


def version_text(version: Version) -> str:
    """Convert (10, 3, 0) to '10.3.0'."""
    return ".".join(map(str, version))


def same_version(one: Version, other: Version) -> bool:
    """Compare the numbers that both have; at least three are needed."""
    shared = min(len(one), len(other))
    return shared >= 3 and one[:shared] == other[:shared]
