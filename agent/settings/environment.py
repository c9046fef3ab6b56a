"""The settings that environment variables hold: `DRSN_AGENT__SECTION__KEY`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.settings.sections import Settings
from drsn.agent.settings.types import AS_TEXT
from drsn.model.errors import ConfigurationError
from drsn.model.suggestion import did_you_mean

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

PREFIX: Final = "DRSN_AGENT__"
DELIMITER: Final = "__"


def environment_settings(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> dict[str, Any]:
    """Section -> setting -> value, of the variables that are set.

    Args:
        model: all settings.
        prefix: of the variables.

    Raises:
        ConfigurationError: there is no such setting, or a list or a table is no JSON.
    """
    given = sorted(name for name in os.environ if name.upper().startswith(prefix))  # the case does not count
    _require_known(given, model, prefix)
    return _decoded(model, prefix) if given else {}


def variable_of(section: str, key: str, prefix: str = PREFIX) -> str | None:
    """The variable that holds a setting, or its section as a whole; None: there is none."""
    names = (f"{prefix}{section}{DELIMITER}{key}".upper(), f"{prefix}{section}".upper())
    return next((name for name in os.environ if name.upper() in names), None)


def _require_known(variables: list[str], model: type[BaseModel], prefix: str) -> None:
    sections = {name: field.annotation for name, field in model.model_fields.items()}
    for variable in variables:
        section, _, key = variable[len(prefix) :].lower().partition(DELIMITER)
        known = getattr(sections.get(section), "model_fields", {} if section in sections else None)
        if known is None or (key and key.split(DELIMITER)[0] not in known):
            near = did_you_mean(
                section if known is None else key.split(DELIMITER)[0], sections if known is None else known
            )
            raise ConfigurationError(f"environment variable {variable}: unknown setting{near}")


def _decoded(model: type[BaseModel], prefix: str) -> dict[str, Any]:
    # Imported for a process with such variables alone: it takes a tenth of the start, and 6 MB.
    from pydantic_settings import EnvSettingsSource, SettingsError  # noqa: PLC0415 (as said)

    class TextSource(EnvSettingsSource):
        def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 (the library's)
            if AS_TEXT in field.metadata:
                return value
            return super().decode_complex_value(field_name, field, value)

    try:
        # type: it reads the fields of any model.
        found: dict[str, Any] = TextSource(model, env_prefix=prefix, env_nested_delimiter=DELIMITER)()  # type: ignore[arg-type]
    except RecursionError:
        raise ConfigurationError("environment: lists within lists without end") from None
    except SettingsError as error:
        raise ConfigurationError(f"environment: {error}; lists are written as JSON") from None
    return found
