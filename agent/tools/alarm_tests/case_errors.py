"""Errors of a case file: one line that names file, case, step and field, and what would be right."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from drsn.model.contract import Frozen
from drsn.model.errors import ConfigurationError, DrsnError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

F = TypeVar("F", bound=Frozen)


def field_error(field: str, problem: str) -> ConfigurationError:
    """Return the error of one field; a `field` of "" is the whole table."""
    return ConfigurationError(f"{field}: {problem}" if field else problem)


def validation_error(error: ValidationError, section: str = "") -> ConfigurationError:
    """Return the first problem that pydantic found, as an error of a field of `section`."""
    first = error.errors(include_url=False)[0]
    field = ".".join(filter(None, [section, *(str(part) for part in first["loc"])]))
    if first["type"] == "extra_forbidden":
        return field_error(field, "no such field; is it misspelt?")
    return field_error(field, "missing" if first["type"] == "missing" else first["msg"].removeprefix("Value error, "))


def validated(model: type[F], given: Mapping[str, object]) -> F:
    """Return the table as a `model`.

    Raises:
        ConfigurationError: a field is wrong, missing or unknown.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise validation_error(error) from None


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put `place` in front of the message of every error that is raised inside; its type and exit code stay."""
    try:
        yield
    except DrsnError as error:
        raise type(error)(f"{place}: {error}") from None
