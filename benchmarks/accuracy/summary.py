"""The cells as a table for the terminal and as JSON for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accuracy.results import grouped, levels_of, macro_recall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accuracy.results import CellResult


def summary(cell: CellResult) -> dict[str, object]:
    """A cell without its rows; `macro_recall` by SNR instead, mean of the paper's noises."""
    recalls = {str(level): macro_recall(cell, level) for level in levels_of(cell)}
    return {**{key: value for key, value in cell.items() if key != "rows"}, "macro_recall": recalls}


def table(cells: Iterable[CellResult]) -> str:
    """Macro recall in per cent, mean over the paper's noises and the seeds: a block for each protocol."""
    lines, shown = [], ""
    for (protocol, contestant), group in grouped(cells).items():
        levels = levels_of(group[0])
        if protocol != shown:
            shown = protocol
            head = "".join("   clean" if level is None else f"{level:+5g} dB" for level in levels)
            lines.append(f"\n{protocol:36}{head}  seeds  parameters     MMAC  fit s")
        means = [100 * sum(macro_recall(cell, level) for cell in group) / len(group) for level in levels]
        cost = group[0]
        lines.append(
            f"  {contestant:34}{''.join(f'{mean:8.1f}' for mean in means)}{len(group):7}{cost.get('parameters', 0):12,}"
            f"{cost.get('macs', 0) / 1e6:9.2f}{sum(c['fit_s'] for c in group) / len(group):7.0f}"
        )
    return "\n".join(lines).strip("\n")
