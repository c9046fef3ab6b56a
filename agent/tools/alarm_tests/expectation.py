"""What a case expects: some fields of an event or of a retained alarm."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from drsn.agent.schema.documents import AlarmDocument, EventDocument
from drsn.agent.tools.alarm_tests.case_errors import field_error
from drsn.agent.tools.alarm_tests.toml_text import NONE, inline_table, toml_value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TOLERANCE = 1e-3
"""For probabilities and evidence, which are float32 and rounded."""

NOT_COMPARED = ("v", "agent", "epoch", "bundle", "event_id", "false_alarm")
"""Fields of a document that no case can foresee."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event that the agent published, and when."""

    at_s: float
    """Seconds since the case began."""
    event: EventDocument
    changed: tuple[str, ...] = ()
    """Fields that differ from the condition's event before, of those that are not shown otherwise."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Fields that a document must have; all other fields may have any value."""

    fields: Mapping[str, object]
    at_s: float | None = None
    """Seconds since the case began; None: at any time."""

    def differences(self, document: BaseModel) -> list[str]:
        """Return one line for each field of the document that differs; none: it fits."""
        found = document.model_dump(mode="json")
        if isinstance(document, AlarmDocument):
            found["conditions"] = [each.condition for each in document.conditions]
        return [
            f"{name} is {toml_value(found[name])}, not {toml_value(expected)}"
            for name, expected in self.fields.items()
            if not _equal(expected, found[name])
        ]

    def event_differences(self, actual: TimedEvent, within_s: float) -> list[str]:
        """Return one line for each field of the event that differs; `at_s` may differ by `within_s`."""
        wrong_time = self.at_s is not None and abs(actual.at_s - self.at_s) > within_s + 1e-9
        when = [f"at_s is {actual.at_s:g}, not {self.at_s:g}"] if wrong_time else []
        return when + self.differences(actual.event)

    def text(self) -> str:
        """Return the pattern as the case file has it."""
        at = {} if self.at_s is None else {"at_s": self.at_s}
        return inline_table({**at, **self.fields})


def event_pattern(given: Mapping[str, Any], conditions: Collection[str]) -> Pattern:
    """Return the pattern of one event.

    Raises:
        ConfigurationError: no condition, a field that no event has, or a value that the field can't have.
    """
    rest = dict(given)
    at_s = rest.pop("at_s", None)
    if at_s is not None and (isinstance(at_s, bool) or not isinstance(at_s, (int, float)) or not 0 <= at_s < math.inf):
        raise field_error("at_s", f"{at_s!r} is no time since the case began, in seconds")
    if "condition" not in rest:
        raise field_error("condition", f"say which: {', '.join(conditions)}")
    return Pattern(_checked(rest, EventDocument, conditions), at_s)


def alarm_pattern(given: Mapping[str, Any], conditions: Collection[str]) -> Pattern:
    """Return the pattern of a retained alarm; its `conditions` lists names, the most urgent first.

    Raises:
        ConfigurationError: no field at all, a field that no alarm has, or a value that the field can't have.
    """
    rest = dict(given)
    if not rest:
        raise field_error("expect_alarm", "expects nothing, so it can't fail; name a field, such as state")
    names = rest.pop("conditions", None)
    fields = _checked(rest, AlarmDocument, conditions)
    if names is None:
        return Pattern(fields)
    if not isinstance(names, list) or not set(map(str, names)) <= set(conditions):
        raise field_error("expect_alarm.conditions", f"{names!r} is no list of {', '.join(conditions)}")
    return Pattern({**fields, "conditions": names})


def _checked(given: Mapping[str, Any], model: type[BaseModel], conditions: Collection[str]) -> dict[str, object]:
    known: dict[str, Any] = {
        name: field.annotation for name, field in model.model_fields.items() if name not in NOT_COMPARED
    }
    fields: dict[str, object] = {}
    for name, value in given.items():
        if name not in known:
            raise field_error(name, f"no such field; there are at_s, {', '.join(known)}")
        adapter: TypeAdapter[Any] = TypeAdapter(known[name])
        is_null = value == NONE and NoneType in get_args(known[name])
        try:
            fields[name] = adapter.dump_python(adapter.validate_python(None if is_null else value), mode="json")
        except ValidationError as error:
            raise field_error(name, f"{value!r}: {error.errors()[0]['msg']}") from None
    if fields.get("condition") not in (None, *conditions):
        raise field_error("condition", f"{fields['condition']!r} is not one of {', '.join(conditions)}")
    return fields


def _equal(expected: object, found: object) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return expected == found
