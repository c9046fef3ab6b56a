"""Which metrics of Sparkplug B hold samples: those of an array type, or of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.tools.init.candidate import Candidate, Guess
from drsn.agent.tools.init.document_search import MIN_NUMBERS
from drsn.agent.tools.init.number_series import guess_of_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.tools.init.payload import Payload

PRESET: Final = "sparkplug"
_REBIRTH: Final = (
    "request a rebirth (Node Control/Rebirth), or restart the gateway, while init listens: its data names metrics by "
    "numbers that only a birth explains"
)


def guess_of_sparkplug(payloads: Sequence[Payload]) -> Guess:
    """The input of devices whose data holds arrays; that of the nodes is `trial.NODE`."""
    from drsn.agent.acquisition.codecs.sparkplug_payload import parsed, value_of  # noqa: PLC0415 (optional)

    names: dict[tuple[str, int], tuple[str, int]] = {}
    found: dict[str, list[Any]] = {}
    unknown = 0
    for payload in payloads:
        levels = payload.message.topic.split("/")
        kind, node = (levels[2], levels[3]) if len(levels) > 3 else ("", "")
        message = parsed(payload.content)
        for metric in message.metrics:
            key = (node, metric.alias)
            if kind.endswith("BIRTH") and metric.name:
                names[key] = (metric.name, metric.datatype)
            name, datatype = names.get(key, ("", 0)) if not metric.name else (metric.name, metric.datatype)
            unknown += not name
            value = value_of(metric, metric.datatype or datatype) if name else None
            if kind.endswith("DATA") and isinstance(value, (np.ndarray, bytes)) and len(value) >= MIN_NUMBERS:
                found.setdefault(name, []).append(value)
    if not found:
        remedy = _REBIRTH if unknown else "let the gateway send arrays (data types 22 to 31) or bytes"
        return Guess(refusal="Sparkplug B without a metric of samples in its data", remedy=remedy)
    if len(found) > 1:
        return Guess(
            refusal=f"several metrics hold arrays: {', '.join(found)}", remedy="set fields.samples or channels"
        )
    name, values = next(iter(found.items()))
    settings = {"preset": PRESET, **({} if name == "value" else {"fields": {"samples": name}})}
    if all(isinstance(value, bytes) for value in values):
        return guess_of_bytes(values, settings, f"metric {name!r} of bytes")
    return Guess((Candidate(settings, 1.0, (f"Sparkplug B, metric {name!r} is an array",)),))
