"""Values and inline tables as TOML text, for events that a case file can take over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tomli_w

if TYPE_CHECKING:
    from collections.abc import Mapping

NONE = "none"
"""TOML has no null: `suppressed_by = "none"`."""


def toml_value(value: object) -> str:
    """Return a value as TOML: None as "none", a float with six digits at most."""
    if value is None:
        return toml_value(NONE)
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return tomli_w.dumps({"value": value}).strip().removeprefix("value = ")


def inline_table(fields: Mapping[str, object]) -> str:
    """Return the fields as an inline table."""
    return "{ " + ", ".join(f"{name} = {toml_value(value)}" for name, value in fields.items()) + " }"
