"""Builds MODEL_CARD.md: purpose, measured performance, and what was not measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drsn.export.noise_check import NOISE_COLUMNS, noise_table
from drsn.model.report.comparison import comparison

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.export.parity import Comparison
    from drsn.model.checkpoint import Checkpoint
    from drsn.model.contract import ModelContract, NoiseCheck

PAPER = (
    "M. Zhao, S. Zhong, X. Fu, B. Tang, M. Pecht, *Deep Residual Shrinkage Networks for Fault Diagnosis*, "
    "IEEE Transactions on Industrial Informatics 16(7), 2020, doi 10.1109/TII.2019.2943898"
)


ORDER = (
    " The last channel is the shaft's angle in revolutions, which the agent makes of the speed in each packet; a "
    "window without a speed is `unknown`."
)

PARENTS = (
    "A window of a condition with a parent is of the parent, unless the bearing detector finds the condition itself: "
    "without the geometry of the bearing and the speed, which of them it is would be a guess."
)


def model_card(checkpoint: Checkpoint, comparisons: Iterable[Comparison], noise: NoiseCheck) -> str:
    """The card as Markdown."""
    contract, training = checkpoint.contract, checkpoint.training
    threshold = contract.abstention_threshold
    parts = [
        f"# {checkpoint.name} {checkpoint.version}",
        f"{training.recipe.get('description', '')}",
        "## Input and labels",
        (
            f"float32[{contract.input_channels}, {contract.window}] at {contract.sample_rate_hz:g} Hz, band-limited to "
            f"{contract.bandwidth_hz:g} Hz ({contract.window / contract.sample_rate_hz * 1e3:.0f} ms). The agent "
            "resamples and band-limits; the graph normalises each window, so gain and offset do not matter."
            + ORDER
            * (contract.domain == "order")
        ),
        _labels(contract),
        "It never abstains."
        if threshold is None
        else f"It abstains (`unknown`) above a novelty of {threshold:.4g}. Under noise stronger than that which the "
        "threshold was chosen for it abstains more often.",
        "## Measured",
        *_measured(training.metrics),
        *noise_section(noise),
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


def noise_section(noise: NoiseCheck) -> list[str]:
    """What the model makes of signals that no machine made."""
    return [
        "## Noise, hum, tones",
        (
            f"Signals that no machine made, by the agent's decision with default settings (alarm: {noise.raise_after} "
            "windows). Shuffled windows are recorded ones with their samples in random order."
        ),
        table(list(NOISE_COLUMNS), noise_table(noise)),
        f"{'**Warning**: ' if noise.misled else ''}{noise}.",
    ]


def _labels(contract: ModelContract) -> str:
    if not contract.parents:
        rows = [[label.name, label.condition, label.severity.value, label.size or ""] for label in contract.labels]
        return table(["label", "condition", "severity", "size"], rows)
    rows = [[label.name, label.condition, label.parent or "", label.severity.value] for label in contract.labels]
    return table(["label", "condition", "parent", "severity"], rows) + "\n\n" + PARENTS


def table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


COLUMNS = (
    ("accuracy", "Accuracy by label"),
    ("condition_accuracy", "Accuracy by condition, which is what alarms go by"),
    ("false_alarms", "Healthy windows that a fault was named for (windows, not alarms: an alarm takes several)"),
    ("abstained", "Windows that the model abstains from"),
)


def _measured(metrics: dict[str, Any]) -> list[str]:
    """What was left out, then a table of noise against SNR for each measure of the test set, then the plain numbers."""
    compared = [f"```text\n{block}\n```" for block in comparison(metrics)]
    test = [row for row in metrics.get("test", ()) if isinstance(row, dict)]
    parts = compared + [
        f"**{title}, test set, %**\n\n{_over_snr(test, key)}" for key, title in COLUMNS if test and key in test[0]
    ]
    if rows := metrics.get("calibration"):
        parts.append(f"**Under the noise of training, any SNR of it**\n\n{_calibration(rows)}")
    plain = [
        [key.replace("_", " "), _cell(value)] for key, value in metrics.items() if isinstance(value, (int, float, str))
    ]
    return [*parts, table(["what", "value"], plain)] if plain else parts


def _calibration(rows: list[dict[str, Any]]) -> str:
    """A row for each set: confidence calibration and accuracy."""
    cells = [
        [
            row["set"],
            row["windows"],
            f"{100 * row['accuracy']:.1f} %",
            f"{row['calibration_error']:.3f}",
            f"{row['nll']:.3f}",
            f"{100 * row['accepted']:.1f} %",
        ]
        for row in rows
    ]
    head = ["set", "windows", "accuracy", "calibration error (debiased ECE, 0 to 1)", "NLL, nats", "not abstained from"]
    return table(head, cells)


def _over_snr(test: list[dict[str, Any]], key: str) -> str:
    """A table of one measure: rows are noises, columns are SNRs from clean downwards."""
    levels = sorted({row["snr_db"] for row in test if row["snr_db"] is not None}, reverse=True)
    clean = [f"{100 * row[key]:.1f}" for row in test if row["snr_db"] is None] or [""]
    noises = dict.fromkeys(row["noise"] for row in test if row["noise"] is not None)
    value = {(row["noise"], row["snr_db"]): f"{100 * row[key]:.1f}" for row in test}
    rows = [[noise, clean[0], *(value.get((noise, level), "") for level in levels)] for noise in noises]
    return table(["noise", "none", *(f"{level:+g} dB" for level in levels)], rows or [["", clean[0]]])


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
