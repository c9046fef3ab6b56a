"""The windows of a `say` or `label` step: what the model and the sensor's own checks find in each of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.agent.settings.alarm_sections import FaultName
from drsn.agent.tools.alarm_tests.case_errors import field_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.tools.alarm_tests.steps import ScriptedWindows
    from drsn.model.contract import ModelContract

FAULT_NAMES: tuple[str, ...] = get_args(FaultName)
GAP = "gap"
_RUN = re.compile(r"([a-z][a-z0-9_]*)(?:\s*x\s*([1-9]\d{0,5}))?")


@dataclass(frozen=True, slots=True)
class WindowRun:
    """Successive windows that are alike."""

    count: int
    label: str | None = None
    """The most probable label; None: all labels have the same probability."""
    novelty: float = -np.inf
    fault: str | None = None
    """Sensor fault of each window."""
    gap: bool = False
    """Samples were lost before the first window."""


def runs_of(step: ScriptedWindows, contract: ModelContract, window_s: float) -> list[WindowRun]:
    """Return the runs of a step; a window comes every `window_s`.

    Raises:
        ConfigurationError: a label that the model does not have, or one that would not be the most probable.
    """
    if step.second is not None:
        _check_label(step.second, "second", contract)
    runs = _written_runs(step, contract) if step.say is not None else [_single_run(step, contract, window_s)]
    for label in dict.fromkeys(run.label for run in runs):
        _check_most_probable(label, step, contract)
    return runs


def probabilities(label: str | None, step: ScriptedWindows, contract: ModelContract) -> NDArray[np.float32]:
    """Return the probability of each of the model's labels, float32[labels]."""
    names = [each.name for each in contract.labels]
    found = np.zeros(len(names), np.float32)
    if label is None:
        found += 1 / len(names)
        return found
    healthy = [each.name for each in contract.labels if each.healthy]
    faults = [each.name for each in contract.labels if not each.healthy]
    rest = [step.second] if step.second else faults if label in healthy else healthy[:1]
    for name in rest:
        found[names.index(name)] += (1 - step.confidence) / len(rest)
    found[names.index(label)] += step.confidence
    return found


def _written_runs(step: ScriptedWindows, contract: ModelContract) -> list[WindowRun]:
    """Parse `say`."""
    runs: list[WindowRun] = []
    gap = step.gap
    for part in (step.say or "").split(","):
        found = _RUN.fullmatch(part.strip())
        if found is None:
            raise field_error("say", f"{part.strip()!r} is not LABEL or LABEL xN; separate with commas")
        word, count = found[1], int(found[2] or 1)
        if word == GAP:
            gap = True
            continue
        if word in FAULT_NAMES:
            runs.append(WindowRun(count, fault=word, gap=gap))
        elif word == UNKNOWN:
            runs.append(WindowRun(count, novelty=_greatest_novelty(contract, "say"), gap=gap))
        else:
            _check_label(word, "say", contract)
            runs.append(WindowRun(count, word, gap=gap))
        gap = False
    if gap:
        raise field_error("say", "no window follows the gap; say which, or set gap in the next step")
    return runs


def _single_run(step: ScriptedWindows, contract: ModelContract, window_s: float) -> WindowRun:
    if step.label is not None:
        _check_label(step.label, "label", contract)
    default = _greatest_novelty(contract, "abstains") if step.abstains else -np.inf
    novelty = default if step.novelty is None else step.novelty
    if step.abstains and step.novelty is not None and novelty <= (contract.abstention_threshold or 0.0):
        raise field_error("novelty", f"{novelty:g} is known: the model abstains above {contract.abstention_threshold}")
    count = step.windows or max(1, round((step.for_s or 0.0) / window_s))
    return WindowRun(count, step.label, novelty, step.fault, step.gap)


def _greatest_novelty(contract: ModelContract, field: str) -> float:
    if contract.abstention_threshold is None:
        raise field_error(field, "this model never abstains; say which label it would give")
    return np.inf


def _check_label(name: str, field: str, contract: ModelContract) -> None:
    known = [label.name for label in contract.labels]
    if name not in known:
        more = f"; besides there are {UNKNOWN}, {GAP} and {', '.join(FAULT_NAMES)}" if field == "say" else ""
        raise field_error(field, f"the model has no label {name!r}; it has {', '.join(known)}{more}")


def _check_most_probable(label: str | None, step: ScriptedWindows, contract: ModelContract) -> None:
    """Refuse a confidence at which another condition than the label's is the most probable."""
    if label is None:
        return
    by_condition = dict.fromkeys(contract.conditions, 0.0)
    for each, p in zip(contract.labels, probabilities(label, step, contract), strict=True):
        by_condition[each.condition] += float(p)
    found = max(by_condition, key=lambda name: by_condition[name])
    if found != next(each.condition for each in contract.labels if each.name == label):
        raise field_error("confidence", f"{step.confidence:g} leaves more for {found}; raise it, or name a second")
