"""The cells as Markdown, for docs/trust/accuracy.md: per cent, means of the paper's noises and of the seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accuracy.results import difference, grouped, half_interval, levels_of, macro_recall, shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from accuracy.results import CellResult

PAIRS = (
    ("drsn_cw", "resnet", "the block, over time"),
    ("shipped", "shipped_resnet", "the block, in the shipped recipe"),
    ("shipped_pair", "shipped", "two networks, averaged"),
    ("shipped", "drsn_cw", "the recipe"),
    ("shipped", "random_forest", "shipped against the best spectrum baseline"),
)
DECIDING_PROTOCOLS = ("cwru-0-to-3", "cwru-loads")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def name_of(snr_db: float | None) -> str:
    """Column heading of an SNR; None is without added noise."""
    return "clean" if snr_db is None else f"{snr_db:+g} dB"


def grid_table(cells: Sequence[CellResult], protocols: Sequence[str], us_per_window: Mapping[str, float]) -> str:
    """Macro recall ± half the 95 % interval over seeds, of protocols with the same measurements."""
    groups = {key: found for key, found in grouped(cells).items() if key[0] in protocols}
    if not groups:
        return "Not run yet."
    levels = levels_of(next(iter(groups.values()))[0])
    impulsive = min((level for level in levels if level is not None), key=abs)
    head = ["protocol", "contestant", *map(name_of, levels), f"impulsive, {name_of(impulsive)}", "seeds"]
    rows = []
    for (protocol, contestant), found in groups.items():
        values = [[100 * macro_recall(cell, level) for cell in found] for level in levels]
        values.append([100 * macro_recall(cell, impulsive, ["impulsive"]) for cell in found])
        rows.append(
            [f"`{protocol}`", contestant, *map(_with_spread, values), str(len(found)), *_cost(found, us_per_window)]
        )
    return markdown([*head, "parameters", "MMAC", "µs a window", "fit s"], rows)


def _with_spread(values: Sequence[float]) -> str:
    mean, half = sum(values) / len(values), half_interval(values)
    return f"{mean:.1f}" if half != half else f"{mean:.1f} ± {half:.1f}"  # noqa: PLR0124 (one seed has no spread)


def _cost(cells: Sequence[CellResult], us_per_window: Mapping[str, float]) -> list[str]:
    first, us = cells[0], us_per_window.get(cells[0]["contestant"])
    network = [f"{first['parameters']:,}", f"{first['macs'] / 1e6:.2f}"] if "macs" in first else ["", ""]
    return [*network, "" if us is None else f"{us:.0f}", f"{sum(cell['fit_s'] for cell in cells) / len(cells):.0f}"]


def differences_table(cells: Sequence[CellResult]) -> str:
    """Differences between contestants in points: mean, bootstrap over recordings, interval over seeds."""
    groups, rows = grouped(cells), []
    for protocol in DECIDING_PROTOCOLS:
        for ours, theirs, what in PAIRS:
            pair = groups.get((protocol, ours), []), groups.get((protocol, theirs), [])
            for level in (-10.0, -6.0, 0.0) if all(pair) else ():
                found = difference(*pair, level)
                mean, low, high, by_seeds = (100 * value for value in found)
                verdict = "ahead" if low > 0 and mean > by_seeds else "behind" if high < 0 else "level"
                span, over_seeds = f"{low:+.1f} … {high:+.1f}", f"± {by_seeds:.1f}"
                paired = len({cell["seed"] for cell in pair[0]} & {cell["seed"] for cell in pair[1]})
                names = f"{ours} - {theirs}"
                rows.append(
                    [
                        f"`{protocol}`",
                        what,
                        names,
                        name_of(level),
                        f"{mean:+.1f}",
                        span,
                        over_seeds,
                        str(paired),
                        verdict,
                    ]
                )
    head = ["protocol", "what", "pair", "SNR", "points", "over recordings", "over seeds", "seeds", "verdict"]
    return markdown(head, rows) if rows else "Not run yet."


def recordings_table(cells: Sequence[CellResult], protocol: str, contestants: Sequence[str], snr_db: float) -> str:
    """Recall of each recording of a protocol's test set."""
    groups = {who: found for who in contestants if (found := grouped(cells).get((protocol, who)))}
    if not groups:
        return "Not run yet."
    parts = {who: [shares(cell, snr_db) for cell in found] for who, found in groups.items()}
    rows = [
        [name, label, *(f"{100 * sum(s[name][1] for s in seeds) / len(seeds):.1f}" for seeds in parts.values())]
        for name, (label, _) in next(iter(parts.values()))[0].items()
    ]
    return markdown(["recording", "label", *groups], rows)


def tried_table(cells: Sequence[CellResult]) -> str:
    """The recipes that selection compared, on validation sets only."""
    rows = []
    for (protocol, contestant), found in grouped(cells).items():
        recalls = {
            level: f"{100 * sum(macro_recall(cell, level) for cell in found) / len(found):.1f}"
            for level in levels_of(found[0])
        }
        columns = [recalls.get(level, "") for level in (-10.0, -6.0, 0.0, 10.0, None)]
        rows.append([f"`{protocol}`", contestant, *columns, str(len(found))])
    head = ["inner protocol", "contestant", *map(name_of, (-10.0, -6.0, 0.0, 10.0, None)), "seeds"]
    return markdown(head, rows) if rows else "Nothing yet."
