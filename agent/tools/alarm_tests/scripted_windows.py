"""From what a case says of a window to a diagnosis, by the model's own labels and the agent's own interpreter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from drsn.agent.backends.backend import Outputs
from drsn.agent.decision.diagnosis import UNKNOWN, Diagnosis, Interpreter
from drsn.agent.settings.sections import FaultName

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.agent.acquisition.reading import Reading
    from drsn.agent.tools.alarm_tests.steps import Windows
    from drsn.model.contract import ModelContract

FAULT_NAMES: tuple[str, ...] = get_args(FaultName)
GAP = "gap"
_RUN = re.compile(r"([a-z][a-z0-9_]*)(?:\s*x\s*([1-9]\d{0,5}))?")


class FieldError(Exception):
    """A field of a case file is wrong.

    Args:
        field: its name.
        problem: what is wrong with it, and what would be right.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)


@dataclass(frozen=True, slots=True)
class Said:
    """A run of windows that are alike."""

    count: int
    label: str | None = None
    """The most probable one; None: all are as probable."""
    novelty: float = -np.inf
    fault: str | None = None
    gap: bool = False
    """Samples were lost before the first."""


def runs_of(step: Windows, contract: ModelContract, window_s: float) -> list[Said]:
    """The runs of a step, which takes a window every `window_s`.

    Raises:
        FieldError: a word or a label that this model does not have, or a label that the model would not say.
    """
    if step.second is not None:
        _require_label(step.second, "second", contract)
    runs = _short(step, contract) if step.say is not None else [_long(step, contract, window_s)]
    for label in dict.fromkeys(run.label for run in runs):
        _require_said(label, step, contract)
    return runs


def probabilities(label: str | None, step: Windows, contract: ModelContract) -> NDArray[np.float32]:
    """P of each label: float32[labels]."""
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


def diagnosis_of(said: Said, reading: Reading, interpret: Interpreter, row: NDArray[np.float32]) -> Diagnosis:
    """As the agent makes it of a network's outputs."""
    return interpret([reading], Outputs(row[None], np.array([said.novelty], np.float32), None))[0]


def _short(step: Windows, contract: ModelContract) -> list[Said]:
    runs: list[Said] = []
    gap = step.gap
    for part in (step.say or "").split(","):
        found = _RUN.fullmatch(part.strip())
        if found is None:
            raise FieldError("say", f"{part.strip()!r} is not LABEL or LABEL xN; separate with commas")
        word, count = found[1], int(found[2] or 1)
        if word == GAP:
            gap = True
            continue
        runs.append(_word(word, count, contract, gap=gap))
        gap = False
    if gap:
        raise FieldError("say", "no window follows the gap; say which, or set gap in the next step")
    return runs


def _word(word: str, count: int, contract: ModelContract, *, gap: bool) -> Said:
    if word in FAULT_NAMES:
        return Said(count, fault=word, gap=gap)
    if word == UNKNOWN:
        return Said(count, novelty=_strange(contract, "say"), gap=gap)
    _require_label(word, "say", contract)
    return Said(count, word, gap=gap)


def _long(step: Windows, contract: ModelContract, window_s: float) -> Said:
    if step.label is not None:
        _require_label(step.label, "label", contract)
    strange = _strange(contract, "abstains") if step.abstains else -np.inf
    novelty = strange if step.novelty is None else step.novelty
    if step.abstains and step.novelty is not None and novelty <= (contract.abstention_threshold or 0.0):
        raise FieldError("novelty", f"{novelty:g} is known: the model abstains above {contract.abstention_threshold}")
    count = step.windows or max(1, round((step.for_s or 0.0) / window_s))
    return Said(count, step.label, novelty, step.fault, step.gap)


def _strange(contract: ModelContract, field: str) -> float:
    """As strange to the model as can be."""
    if contract.abstention_threshold is None:
        raise FieldError(field, "this model never abstains; say which label it would give")
    return np.inf


def _require_label(name: str, field: str, contract: ModelContract) -> None:
    known = [label.name for label in contract.labels]
    if name not in known:
        more = f"; besides there are {UNKNOWN}, {GAP} and {', '.join(FAULT_NAMES)}" if field == "say" else ""
        raise FieldError(field, f"the model has no label {name!r}; it has {', '.join(known)}{more}")


def _require_said(label: str | None, step: Windows, contract: ModelContract) -> None:
    """Nobody means `label = ball` of a window of which the model would say something else."""
    if label is None:
        return
    by_condition = dict.fromkeys(contract.conditions, 0.0)
    for each, p in zip(contract.labels, probabilities(label, step, contract), strict=True):
        by_condition[each.condition] += float(p)
    said = max(by_condition, key=lambda name: by_condition[name])
    meant = next(each.condition for each in contract.labels if each.name == label)
    if said != meant:
        raise FieldError("confidence", f"{step.confidence:g} leaves more for {said}; raise it, or name another second")
