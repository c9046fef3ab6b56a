"""The body of a webhook: a JSON document in whose texts `{name}` stands for a value."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_BYTES: Final = 32_768
"""Longest body. Slack takes 40,000 characters, Teams 28 kB."""

VALUES: Final = (
    "change", "title", "text", "sensor", "agent", "condition", "label", "severity", "priority", "state", "since",
    "event_id", "confidence", "count", "name",
)  # fmt: skip
"""Values of every message."""

_PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")

PRESETS: Final[dict[str, str]] = {
    "plain": """{"change": "{change}", "title": "{title}", "text": "{text}", "sensor": "{sensor}", "agent": "{agent}",
        "condition": "{condition}", "label": "{label}", "severity": "{severity}", "state": "{state}",
        "since": "{since}", "event_id": "{event_id}", "confidence": "{confidence}"}""",
    "ntfy": """{"topic": "{topic}", "title": "{title}", "message": "{text}", "priority": "{priority}"}""",
    "slack": """{"text": "{sensor}: {change}", "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "{title}"}},
        {"type": "section", "text": {"type": "plain_text", "text": "{text}"}}]}""",
    "teams": """{"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive", "content": {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "body": [{"type": "TextBlock", "weight": "Bolder", "wrap": true, "text": "{title}"},
                 {"type": "TextBlock", "wrap": true, "text": "{text}"}]}}]}""",
}
"""Name of a template -> its JSON text."""


def checked(template: str, values: Mapping[str, str]) -> Any:  # noqa: ANN401 (any JSON)
    """The document of a template.

    Args:
        template: JSON text.
        values: that the settings add to `VALUES`.

    Raises:
        ValueError: it is no JSON, or a name in it has no value.
    """
    try:
        document = json.loads(template)
    except (ValueError, RecursionError):
        raise ValueError(f"template: it is neither {', '.join(PRESETS)} nor JSON text") from None
    known = {*VALUES, *values}
    for name in _PLACE.findall(json.dumps(document)):
        if name not in known:
            raise ValueError(f"template: {{{name}}} has no value; use {', '.join(sorted(known))}, or set it in values")
    return document


def filled(document: Any, values: Mapping[str, object]) -> Any:  # noqa: ANN401 (any JSON)
    """The document with the values in its texts. A text that is one placeholder alone becomes the value itself.

    Values are put into texts of the parsed document, so that no value can change the structure of the JSON.
    """
    if isinstance(document, dict):
        return {key: filled(value, values) for key, value in document.items()}
    if isinstance(document, list):
        return [filled(each, values) for each in document]
    if not isinstance(document, str):
        return document
    alone = _PLACE.fullmatch(document)
    if alone is not None and alone[1] in values:
        return values[alone[1]]
    return _PLACE.sub(lambda found: _text(values.get(found[1], found[0])), document)


def body_of(document: Any, values: Mapping[str, object]) -> bytes:  # noqa: ANN401 (any JSON)
    """The body as UTF-8.

    Raises:
        ValueError: it is longer than `MAX_BYTES`.
    """
    body = json.dumps(filled(document, values), ensure_ascii=False).encode("utf-8", "replace")
    if len(body) > MAX_BYTES:
        raise ValueError(f"the body has {len(body)} bytes, more than {MAX_BYTES}")
    return body


def _text(value: object) -> str:
    return "" if value is None else str(value)
