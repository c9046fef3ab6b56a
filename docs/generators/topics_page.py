"""docs/reference/topics.md and payloads.md: the topics of the agent and what it publishes there, from the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fields import field_type, meaning, sections_of, table, unit

from drsn.agent.rpc.verb_help import VERB_HELP
from drsn.agent.schema.channels import CHANNELS, PARAMETERS

if TYPE_CHECKING:
    from pydantic import BaseModel

    from drsn.agent.schema.channels import Channel

EXAMPLES = Path(__file__).parents[1] / "reference" / "examples"
TOPICS = """\
# Topics

```sh
mosquitto_sub -t 'drsn/v1/+/alarm' -v    # the alarm state of every sensor, at once and at each change
```

This page lists every topic of the agent, except those of the packets: the settings name these
([inputs](settings.md#inputs)). [Payloads](payloads.md) has the fields of each document. `docs/asyncapi.json` has the
same as an AsyncAPI 3.1 document.

"""
PAYLOADS = """\
# Payloads

What the agent publishes, and what it receives as a command: JSON in UTF-8. Each example was recorded from an agent that
ran. A text of more than 60 characters is shortened to its beginning, and of a list of tables only the first is shown.
`docs/reference/schemas/` has the JSON Schemas. Times are ISO 8601 in UTC. A field may be added without a new version
`v`: a reader must ignore the fields that it does not use.

[Topics](topics.md) has the topic of each document.

"""
SHOWN = 60


def topics_page() -> str:
    """The whole page of the topics."""
    rows = [
        (
            f"`{channel.address}`",
            channel.publisher,
            str(channel.qos),
            "yes" if channel.retained else "no",
            f"[{channel.name}](payloads.md#{channel.name})",
            channel.summary,
        )
        for channel in CHANNELS
    ]
    words = [(f"`{{{name}}}`", text) for name, text in PARAMETERS.items()]
    verbs = [(f"`{name}`", text) for name, text in VERB_HELP.items()]
    return "\n".join(
        [
            TOPICS + table(("topic", "publisher", "QoS", "retained", "document", "content"), rows),
            "\n## Parts of a topic\n",
            table(("part", "value"), words),
            "\n## Verbs of a command\n",
            table(("verb", "what it does"), verbs),
            "",
        ]
    )


def payloads_page() -> str:
    """The whole page of the documents."""
    seen: dict[str, str] = {}
    chapters = [_chapter(channel, seen) for channel in CHANNELS]
    return PAYLOADS + "\n".join([*chapters, "## Tables in documents", "", *(seen[name] for name in sorted(seen))])


def _chapter(channel: Channel, seen: dict[str, str]) -> str:
    text = (EXAMPLES / f"{channel.name}.json").read_text(encoding="utf-8")
    channel.document.model_validate_json(text)
    shown = json.dumps(_shortened(json.loads(text)), indent=1, ensure_ascii=False)
    about = f"`{channel.address}`: {channel.summary}."
    fields = _fields(channel.document, seen)
    return f"## {channel.name}\n\n{about}\n\n```json\n{shown}\n```\n\n{fields}\n"


def _shortened(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, dict):
        return {key: _shortened(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_shortened(part) for part in value[:1]] if value and isinstance(value[0], dict) else value
    return value[: SHOWN - 1] + "…" if isinstance(value, str) and len(value) > SHOWN else value


def _fields(model: type[BaseModel], seen: dict[str, str]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        inner = sections_of(field)
        for part in inner:
            if part.__name__ not in seen:
                seen[part.__name__] = ""  # before its own fields: a table may hold itself
                seen[part.__name__] = f"### {part.__name__}\n\n{_fields(part, seen)}\n"
        kind = " or ".join(f"[{part.__name__}](#{part.__name__.lower()})" for part in inner) or field_type(field)
        always = "yes" if field.is_required() else "no"
        rows.append(
            (
                f"`{name}`",
                f"list of {kind}" if inner and "tuple" in str(field.annotation) else kind,
                always,
                unit(name, kind),
                meaning(field),
            )
        )
    return table(("field", "type", "required", "unit", "meaning"), rows)
