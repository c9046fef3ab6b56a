"""JSON as browsers read it: a number that is not finite becomes null. Any client of the broker may have sent one."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(value: object) -> str:
    """A value of dicts, lists, texts and numbers as JSON in one line."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:  # noqa: ANN401 (whatever a document holds)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, (list, tuple)) else value
