"""Tables of what can be read: file formats, public data sets, and what the text reader decides."""

from __future__ import annotations

from drsn.model.data.formats import FORMATS
from drsn.model.data.public.table import PUBLIC_SETS


def formats_table() -> str:
    """Every format with its suffixes, its library and what a file holds."""
    rows = ["| format | suffixes | needs | holds |", "|---|---|---|---|"]
    for each in FORMATS:
        suffixes = ", ".join(f"`{suffix}`" for suffix in each.suffixes)
        rows.append(f"| {each.name} | {suffixes} | {each.library or 'nothing'} | {each.holds} |")
    return "\n".join(rows)


def public_table() -> str:
    """Every public set with its layout, its labels and its groups."""
    rows = ["| `source` | data set | a file lies as | labels | a group is |", "|---|---|---|---|---|"]
    for name, each in sorted(PUBLIC_SETS.items()):
        title = f"[{each.title}]({each.home})" if each.home else each.title
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{name}` | {title} | `{each.layout}` | {labels} | {each.groups} |")
    return "\n".join(rows)
