"""What a case expects: some fields of documents; and how the events that came are laid beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from drsn.agent.schema.documents import AlarmDocument, EventDocument
from drsn.agent.tools.alarm_tests.scripted_windows import FieldError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

CLOSE = 1e-3
"""Of probabilities and evidence, which are float32 and rounded."""

NONE = "none"
"""TOML has no null: `suppressed_by = "none"`."""

OTHERWISE = ("v", "agent", "epoch", "bundle", "event_id")
"""Of documents: what no case can know, or means."""


QUIET = ("latched", "suppressed_by", "by")
"""Of an event: what is told only if it is something, or has just been."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, and when it came."""

    at_s: float
    event: EventDocument
    changed: tuple[str, ...] = ()
    """Fields that the condition's event before had otherwise, of those that `told` would not show."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Fields that a document must have so; those that are not named may be anything."""

    fields: Mapping[str, object]
    at_s: float | None = None
    """Since the case began."""

    def differences(self, document: BaseModel) -> list[str]:
        """What is otherwise, for people; none: it fits."""
        told = document.model_dump(mode="json")
        if isinstance(document, AlarmDocument):
            told["conditions"] = [each.condition for each in document.conditions]
        wrong = [(name, value, told[name]) for name, value in self.fields.items() if not _same(value, told[name])]
        return [f"{name} is {_toml(is_)}, not {_toml(due)}" for name, due, is_ in wrong]

    def misses(self, happened: Happened, within_s: float) -> list[str]:
        """What is otherwise about an event, its time included."""
        late = self.at_s is not None and abs(happened.at_s - self.at_s) > within_s + 1e-9
        when = [f"at_s is {happened.at_s:g}, not {self.at_s:g}"] if late else []
        return when + self.differences(happened.event)

    def text(self) -> str:
        """As it stands in the file."""
        at = {} if self.at_s is None else {"at_s": self.at_s}
        return table({**at, **self.fields})


def event_pattern(given: Mapping[str, Any], conditions: Collection[str]) -> Pattern:
    """Of one event.

    Raises:
        FieldError: a field that no event has, a value that it can't have, or no condition.
    """
    rest = dict(given)
    at_s = rest.pop("at_s", None)
    if at_s is not None and (isinstance(at_s, bool) or not isinstance(at_s, (int, float)) or not 0 <= at_s < math.inf):
        raise FieldError("at_s", f"{at_s!r} is no time since the case began, in seconds")
    if "condition" not in rest:
        raise FieldError("condition", f"say which: {', '.join(conditions)}")
    return Pattern(_checked(rest, EventDocument, conditions), at_s)


def alarm_pattern(given: Mapping[str, Any], conditions: Collection[str]) -> Pattern:
    """Of a retained alarm; `conditions` lists names, the most urgent first.

    Raises:
        FieldError: a field that no alarm has, a value that it can't have, or nothing at all.
    """
    rest = dict(given)
    if not rest:
        raise FieldError("expect_alarm", "expects nothing, so it can't fail; name a field, such as state")
    names = rest.pop("conditions", None)
    fields = _checked(rest, AlarmDocument, conditions)
    if names is None:
        return Pattern(fields)
    if not isinstance(names, list) or not set(map(str, names)) <= set(conditions):
        raise FieldError("expect_alarm.conditions", f"{names!r} is no list of {', '.join(conditions)}")
    return Pattern({**fields, "conditions": names})


def _checked(given: Mapping[str, Any], kind: type[BaseModel], conditions: Collection[str]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in given.items():
        known = {key: field for key, field in kind.model_fields.items() if key not in OTHERWISE}
        if name not in known:
            raise FieldError(name, f"no such field; there are at_s, {', '.join(known)}")
        kind_of: Any = known[name].annotation
        adapter: TypeAdapter[Any] = TypeAdapter(kind_of)
        optional = value == NONE and _takes_none(adapter)
        try:
            fields[name] = adapter.dump_python(adapter.validate_python(None if optional else value), mode="json")
        except ValidationError as error:
            raise FieldError(name, f"{value!r}: {error.errors()[0]['msg']}") from None
    if fields.get("condition") not in (None, *conditions):
        raise FieldError("condition", f"{fields['condition']!r} is none of {', '.join(conditions)}")
    return fields


def _takes_none(adapter: TypeAdapter[Any]) -> bool:
    try:
        adapter.validate_python(None)
    except ValidationError:
        return False
    return True


def _same(due: object, is_: object) -> bool:
    if isinstance(due, float) and isinstance(is_, float):
        return math.isclose(due, is_, rel_tol=CLOSE, abs_tol=CLOSE)
    return due == is_


@dataclass(frozen=True, slots=True)
class Line:
    """An event that was expected, one that came, or both."""

    mark: Literal["=", "~", "-", "+"]
    """As expected; otherwise than expected; did not come; came unexpected."""
    expected: Pattern | None
    happened: Happened | None
    why: tuple[str, ...] = ()


def beside(expected: Sequence[Pattern], happened: Sequence[Happened], within_s: float, *, some: bool) -> list[Line]:
    """Lay what came beside what was expected, in order, so that as little as possible differs.

    Args:
        expected: in order.
        happened: in order.
        within_s: times may differ by.
        some: others may come between.
    """
    extra = 0.0 if some else 1.0
    n, m = len(expected), len(happened)
    # cost[i][j]: of expected[i:] beside happened[j:]; an event that differs is better told as one line than as two.
    cost = [[0.0] * (m + 1) for _ in range(n + 1)]
    pairs = [[pattern.misses(event, within_s) for event in happened] for pattern in expected]
    for i in range(n, -1, -1):
        for j in range(m, -1, -1):
            ways = [_way(expected, happened, pairs, i, j)[0] + cost[i + 1][j + 1]] if i < n and j < m else []
            ways += [1.0 + cost[i + 1][j]] if i < n else []
            ways += [extra + cost[i][j + 1]] if j < m else []
            cost[i][j] = min(ways, default=0.0)
    lines: list[Line] = []
    i = j = 0
    while i < n or j < m:
        way = _way(expected, happened, pairs, i, j) if i < n and j < m else (math.inf, ())
        if i < n and j < m and cost[i][j] == way[0] + cost[i + 1][j + 1]:
            lines.append(Line("~" if way[1] else "=", expected[i], happened[j], way[1]))
            i, j = i + 1, j + 1
        elif i < n and cost[i][j] == 1.0 + cost[i + 1][j]:
            lines.append(Line("-", expected[i], None))
            i += 1
        else:
            lines.append(Line("+", None, happened[j]))
            j += 1
    return lines


def _way(
    expected: Sequence[Pattern], happened: Sequence[Happened], pairs: list[list[list[str]]], i: int, j: int
) -> tuple[float, tuple[str, ...]]:
    """What it costs to call them one event, and what differs."""
    alike = expected[i].fields["condition"] == happened[j].event.condition
    return (0.0 if not pairs[i][j] else 0.75 if alike else math.inf), tuple(pairs[i][j])


def told(happened: Happened, named: Collection[str] = ()) -> str:
    """An event as a case would expect it: what matters, what has changed, and the fields in `named`."""
    event = happened.event.model_dump(mode="json")
    given = [name for name in QUIET if event[name]]
    names = dict.fromkeys(("condition", "state", "severity", *given, *happened.changed, *named))
    return table({"at_s": round(happened.at_s, 3), **{name: event[name] for name in names}})


def table(fields: Mapping[str, object]) -> str:
    """An inline table of TOML."""
    return "{ " + ", ".join(f"{name} = {_toml(value)}" for name, value in fields.items()) + " }"


def _toml(value: object) -> str:
    if value is None:
        return f'"{NONE}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
