"""Overrides of a section's settings for some sensors: the same fields, all of them optional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, create_model

from drsn.model.contract import Frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


def override_of(section: type[Frozen], described: Mapping[str, str]) -> type[Frozen]:
    """Make a model with the fields of a section, each with its constraints and the default None.

    Args:
        section: None in a field of the override means the section's own value.
        described: descriptions by field name; these fields come first, the others have none.
    """
    names = [*described, *(name for name in section.model_fields if name not in described)]
    fields: dict[str, Any] = {
        name: (_optional(section, name), Field(default=None, description=described.get(name))) for name in names
    }
    name = section.__name__.replace("Section", "Override")
    return create_model(
        name,
        __base__=Frozen,
        __cls_kwargs__={"defer_build": True},  # as all sections
        __doc__="Settings of a sensor; None: as in the section.",
        **fields,
    )


def _optional(section: type[Frozen], name: str) -> Any:  # noqa: ANN401 (a type that is made here)
    field = section.model_fields[name]
    kind: Any = field.annotation
    for constraint in field.metadata:
        kind = Annotated[kind, constraint]
    return kind | None
