"""Settings from environment variables, `DRSN_AGENT__SECTION__KEY` in any case; lists and tables are written as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel

from drsn.agent.settings.sections import Settings
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX = "DRSN_AGENT__"


def from_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return section -> key -> value; a value is text, which the setting's type reads, or what its JSON holds.

    Raises:
        ConfigurationError: there is no such setting, or a list or a table is not JSON.
    """
    values: dict[str, Any] = {}
    # In this order a whole section comes before its keys.
    for variable, text in sorted(variables.items(), key=lambda entry: entry[0].lower()):
        if not variable.upper().startswith(PREFIX):
            continue
        path = variable[len(PREFIX) :].lower().split("__")
        if not _is_setting(path):
            raise ConfigurationError(f"environment variable {variable}: there is no such setting")
        place: Any = values
        for name in path[:-1]:
            place = place.setdefault(name, {}) if isinstance(place, dict) else place
        if isinstance(place, dict):
            place[path[-1]] = _parsed(variable, text, path) if _is_json(path) else text
    return values


def _is_setting(path: Sequence[str]) -> bool:
    """Whether a section has this name, and, if it has fields, one of them the next name."""
    section = Settings.model_fields.get(path[0])
    fields = None if section is None else getattr(section.annotation, "model_fields", None)
    return section is not None and (fields is None or path[1:2] == [] or path[1] in fields)


def _is_json(path: Sequence[str]) -> bool:
    """Whether the setting is a section, a list or a table."""
    kind: Any = Settings
    for name in path:
        fields = getattr(kind, "model_fields", {})
        if name not in fields:
            return False
        kind = fields[name].annotation
    return get_origin(kind) in (tuple, dict) or (isinstance(kind, type) and issubclass(kind, BaseModel))


def _parsed(variable: str, text: str, path: Sequence[str]) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigurationError(
            f'environment variable {variable}: "{".".join(path)}" takes JSON, as all lists and tables do'
        ) from None
    except RecursionError:
        raise ConfigurationError(f"environment variable {variable}: lists within lists without end") from None
