"""Tables of the simple models beside a training, and of what was left out, with a verdict in plain sentences."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Accuracy = Mapping[str, Mapping[str, float]]
    """Model -> level of noise -> accuracy, 0 to 1."""

IN_ORDERS = "spectrum, in orders"
"""Name of the linear model's result in the order domain, where the recipe is in the time domain: a measurement for the
user, and never carried."""

SIMPLE = ("logistic_regression", "random_forest")
FORMS = {
    "network": "the network",
    "spectrum": "the linear model on the log spectrum instead of the network",
    "both": "the mean of the network and of the linear model on the log spectrum",
}

FAR_BELOW = 0.1
"""Accuracy on a value left out that is lower than on the validation set by more than this gets a remedy."""

BETTER = 0.005


def comparison(metrics: Mapping[str, Any]) -> list[str]:
    """The blocks of text, what was left out first; nothing if the training was compared with nothing."""
    if "carried" not in metrics:
        return []
    blocks = []
    for condition, rows in by_condition(metrics["leave_one_out"]).items():
        title = f"accuracy on a {condition} that was left out of training, % (as recorded / with noise)"
        parts = {row["value"]: row["accuracy"] for row in rows} | {"mean": mean_accuracy(rows)}
        blocks.append(f"{title}\n{_table(parts)}")
    title = "validation and test set, % (as recorded / with noise)"
    blocks.append(
        f"{title}\n{_table({'validation': metrics['validation_by_model'], 'test': metrics['test_by_model']})}"
    )
    return [*blocks, "\n".join(verdict(metrics))]


def by_condition(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The rows of `leave_one_out` of each condition."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["condition"], []).append(row)
    return found


def mean_accuracy(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """The mean over the values left out: model -> level of noise -> accuracy."""
    first: Accuracy = rows[0]["accuracy"]
    return {
        name: {level: fmean(row["accuracy"][name][level] for row in rows) for level in levels}
        for name, levels in first.items()
    }


def verdict(metrics: Mapping[str, Any]) -> list[str]:
    """What is carried, who wins, where it falls and what mends it, and what is refused: a sentence each."""
    carried = metrics["carried"]
    lines = [f"the bundle carries {FORMS[carried]}", *_wins(metrics["test_by_model"], carried)]
    for condition, rows in by_condition(metrics["leave_one_out"]).items():
        lines += _fall(condition, mean_accuracy(rows), metrics["validation_by_model"], carried)
    lines += metrics["leave_one_out_notes"]
    if not metrics["leave_one_out"]:
        lines.append(
            "no condition could be left out: give each recording its rpm, load or machine (columns of manifest.csv), "
            "and record each label at two of them, or the cost of another speed, load or machine stays unmeasured"
        )
    lines += [
        f"refused: {row['where']}: every window of {row['condition']} is named otherwise, most {row['named']}, and "
        f"{row['accepted']:.0%} of them are accepted"
        for row in metrics["blind"]
    ]
    return lines


def _wins(test: Accuracy, carried: str) -> list[str]:
    """A line for each simple model that is more accurate than what is carried at some level of noise."""
    lines = []
    for name in SIMPLE:
        wins = [level for level, share in test[name].items() if share > test[carried][level] + BETTER]
        if wins:
            shares = ", ".join(f"{level} {test[name][level]:.1%} against {test[carried][level]:.1%}" for level in wins)
            lines.append(f"{name} is more accurate on the test set than what the bundle carries: {shares}")
    return lines


def _fall(condition: str, mean: Accuracy, validation: Accuracy, carried: str) -> list[str]:
    """A line with a remedy, if accuracy on what was left out is far below that on the validation set."""
    name = carried if carried in mean else "spectrum"
    level = next(iter(mean[name]))
    left_out, random = mean[name][level], validation[name][level]
    if left_out >= random - FAR_BELOW:
        return []
    said = f"a {condition} left out: {left_out:.0%} right, and {random:.0%} on the validation set; "
    if IN_ORDERS in mean and mean[IN_ORDERS][level] > left_out + FAR_BELOW / 2:
        return [f'{said}signal.domain = "order" reaches {mean[IN_ORDERS][level]:.0%} there (the linear model)']
    if condition == "speed":
        return [f"{said}record each label at more speeds, slower and faster than the machine will run"]
    return [f"{said}record each label on more of them ({condition}): with few, a model learns which one it was"]


def _table(columns: Mapping[str, Accuracy]) -> str:
    """A line for each model, a column for each set of accuracies; a model may lack some."""
    names = list(dict.fromkeys(name for accuracy in columns.values() for name in accuracy))
    width = max(map(len, (*names, "model")))
    cells = {
        title: [" / ".join(f"{100 * share:.1f}" for share in accuracy.get(name, {}).values()) or "-" for name in names]
        for title, accuracy in columns.items()
    }
    widths = {title: max(map(len, (title, *column))) for title, column in cells.items()}
    lines = [f"  {'model':<{width}}" + "".join(f"  {title:>{widths[title]}}" for title in columns)]
    for row, name in enumerate(names):
        lines.append(f"  {name:<{width}}" + "".join(f"  {cells[title][row]:>{widths[title]}}" for title in columns))
    return "\n".join(lines)
