"""Tables of docs/start/sensors/index.md: presets, and the bundle for a sample rate."""

from __future__ import annotations

from typing import Any

from drsn.agent.bundles import UNIVERSAL_BANDWIDTH_HZ
from drsn.agent.settings.presets import PRESETS


def presets_table() -> str:
    """Every preset: its source and its settings."""
    rows = ["| preset | for | sets |", "|---|---|---|"]
    rows += [
        f"| `{name}` | {preset.source} | {', '.join(f'`{key} = {value}`' for key, value in _flat(preset.settings))} |"
        for name, preset in PRESETS.items()
    ]
    return "\n".join(rows)


def rates_table() -> str:
    """The universal bundle for each range of rates."""
    rows = ["| it samples at | bundle, and its band |", "|---|---|"]
    rows += [
        f"| {2 * band:,.0f} Hz and more | `shipped:{name}`, up to {band:,.0f} Hz |"
        for name, band in UNIVERSAL_BANDWIDTH_HZ.items()
    ]
    return "\n".join(rows)


def _flat(settings: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for key, value in settings.items():
        if isinstance(value, dict):
            found += [(f"{key}.{inner}", text) for inner, text in _flat(value)]
        elif isinstance(value, list):
            found.append((key, "[" + ", ".join(f'"{item}"' for item in value) + "]"))
        else:
            found.append((key, f'"{value}"'))
    return found
