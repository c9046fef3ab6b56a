"""docs/reference/recipes.md: every key of a recipe of drsn-train, from the code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

from fields import HEAD, sections_of, settings_rows, table

from drsn.model.recipe import Recipe

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

EXAMPLE = Path(__file__).parents[2] / "configs" / "recipes" / "synthetic.toml"
HEADER = """\
# Recipes

A recipe is one TOML file that decides everything in a training: `drsn-train RECIPE.toml --out runs/mine`. An unknown
key is an error. [Models](../use/models.md) has the way from your recordings to a bundle. The recipes of the shipped
bundles are in `configs/recipes/`; this is the one of `synthetic`:

"""


def recipes_page() -> str:
    """The whole page."""
    fields = Recipe.model_fields
    plain = {name: field for name, field in fields.items() if not sections_of(field)}
    parts = [
        f"{HEADER}```toml\n{EXAMPLE.read_text(encoding='utf-8').strip()}\n```\n",
        f"## The recipe itself\n\n{table(HEAD, settings_rows(plain))}\n",
        *(_chapter(name, field) for name, field in fields.items() if sections_of(field)),
    ]
    return "\n".join([*parts, "This page is generated from `model/recipe.py`.", ""])


def _chapter(name: str, field: FieldInfo) -> str:
    kinds = sections_of(field)
    if len(kinds) > 1:
        return "\n".join(_kind(name, kind) for kind in kinds)
    bracket = f"[[{name}]]" if "tuple" in str(field.annotation) else f"[{name}]"
    return f"## `{bracket}`\n\n{_body(name, kinds[0])}"


def _kind(name: str, model: type[BaseModel]) -> str:
    """The section of one kind of data; its `source` chooses it."""
    sources = ", ".join(f"`{source}`" for source in get_args(model.model_fields["source"].annotation))
    return f"## `[{name}]` with source {sources}\n\n{_body(name, model)}"


def _body(name: str, model: type[BaseModel]) -> str:
    about = (model.__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " ")
    nested = {key: field for key, field in model.model_fields.items() if sections_of(field)}
    own = {key: field for key, field in model.model_fields.items() if key not in nested}
    text = f"{about}\n\n{table(HEAD, settings_rows(own))}\n"
    for key, field in nested.items():
        bracket = f"[[{name}.{key}]]" if "tuple" in str(field.annotation) else f"[{name}.{key}]"
        text += f"\n### `{bracket}`\n\n{_body(f'{name}.{key}', sections_of(field)[0])}"
    return text
