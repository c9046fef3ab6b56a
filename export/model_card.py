"""MODEL_CARD.md: what the model is for, what it was measured to do, and what it was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.export.parity import Comparison
    from drsn.model.checkpoint import Checkpoint

PAPER = (
    "M. Zhao, S. Zhong, X. Fu, B. Tang, M. Pecht, *Deep Residual Shrinkage Networks for Fault Diagnosis*, "
    "IEEE Transactions on Industrial Informatics 16(7), 2020, doi 10.1109/TII.2019.2943898"
)


def model_card(checkpoint: Checkpoint, comparisons: Iterable[Comparison]) -> str:
    """The card as Markdown."""
    contract, training = checkpoint.contract, checkpoint.training
    labels = [[label.name, label.condition, label.severity.value, label.size or ""] for label in contract.labels]
    threshold = contract.abstention_threshold
    parts = [
        f"# {checkpoint.name} {checkpoint.version}",
        f"{training.recipe.get('description', '')}",
        "## Input and labels",
        (
            f"float32[{contract.channels}, {contract.window}] at {contract.sample_rate_hz:g} Hz, band-limited to "
            f"{contract.bandwidth_hz:g} Hz ({contract.window / contract.sample_rate_hz * 1e3:.0f} ms). The agent "
            "resamples and band-limits; the graph normalises each window, so gain and offset do not matter."
        ),
        table(["label", "condition", "severity", "size"], labels),
        "It never abstains." if threshold is None else f"It abstains (`unknown`) above a novelty of {threshold:.4g}.",
        "## Measured",
        *_measured(training.metrics),
        "## Limits",
        (
            "Measured on the recordings named in the recipe, and on nothing else. A machine or a defect of "
            "another kind, or a sensor mounted otherwise may be judged wrong, with confidence. Watch it beside your "
            "usual method before you rely on it."
        ),
        "## How it was made",
        (
            f"`drsn-train` with seed {training.seed} on data of sha256 `{training.data_sha256}`; the whole recipe "
            "stands in `manifest.json`. Verified before it was written:"
        ),
        "\n".join(f"* {comparison}" for comparison in comparisons),
        f"Network: {PAPER}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _measured(metrics: dict[str, Any]) -> list[str]:
    """Every table of the metrics: {"accuracy": {noise: {snr: value}}} and plain numbers."""
    parts = []
    for name, value in metrics.items():
        if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
            columns = list(dict.fromkeys(key for row in value.values() for key in row))
            rows = [[key, *(_cell(row.get(column)) for column in columns)] for key, row in value.items()]
            parts.append(f"**{name.replace('_', ' ')}**\n\n{table(['', *columns], rows)}")
    plain = [
        [name.replace("_", " "), _cell(value)]
        for name, value in metrics.items()
        if isinstance(value, (int, float, str))
    ]
    return [*parts, table(["what", "value"], plain)] if plain else parts


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
