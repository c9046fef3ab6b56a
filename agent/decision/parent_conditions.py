"""Parent conditions: what a window counts as while nothing but the network tells the conditions of one parent apart.

A network that was trained on other machines finds a damaged bearing, but which race it names there is a guess
(docs/trust/unseen-machines.md). With the bearing's geometry and the speed, the bearing detector tells the races apart.
So a contract may give conditions a parent, such as `bearing` of `inner_race`, `outer_race` and `ball`. A window is of
such a condition only if the bearing detector finds the same one; else all their probabilities are the parent's.

A parent only takes the place of its condition: a window is of a fault if one condition is more probable than `normal`,
as without parents. By the sum of the conditions more windows of healthy machines would be of a fault: both healthy
recordings of CWRU had an alarm (third look, benchmarks/results/foreign_machines.json).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.model.contract import ModelContract


class ParentConditions:
    """Turns P(condition) of a contract's conditions into those of its alarm conditions.

    Args:
        contract: of the model. Without parents, nothing is changed.
    """

    def __init__(self, contract: ModelContract) -> None:
        parent_of = {label.condition: label.parent for label in contract.labels}
        self._children = [
            [at for at, condition in enumerate(contract.conditions) if parent_of[condition] == parent]
            for parent in contract.parents
        ]
        """Of each parent, the indices of its conditions."""
        own = len(contract.conditions)
        self._parent = np.arange(own)
        for parent, children in enumerate(self._children, start=own):
            self._parent[children] = parent
        """int[conditions]: index of the parent in the alarm conditions; its own of a condition without a parent."""
        self._has_parent = np.array([parent_of[condition] is not None for condition in contract.conditions])

    def named(self, by_condition: NDArray[np.float32], nats: NDArray[np.float32] | None) -> NDArray[np.bool_]:
        """Whether each window keeps its own condition.

        Args:
            by_condition: float32[rows, conditions], after fusion.
            nats: float32[rows, conditions], of the bearing detector; None: no sensor has a bearing.

        Returns:
            bool[rows]: the bearing detector and the fused probabilities have the same most probable child.
        """
        if nats is None:
            return np.zeros(len(by_condition), np.bool_)
        children = np.flatnonzero(self._has_parent)
        evidence, likely = nats[:, children], by_condition[:, children]
        found: NDArray[np.bool_] = evidence.max(axis=1) > evidence.min(axis=1)
        found &= evidence.argmax(axis=1) == likely.argmax(axis=1)
        return found

    def best(self, best: NDArray[np.intp], named: NDArray[np.bool_]) -> NDArray[np.intp]:
        """int[rows]: the alarm condition of each window, from the most probable condition of its labels."""
        result: NDArray[np.intp] = np.where(named, best, self._parent[best])
        return result

    def __call__(self, by_condition: NDArray[np.float32], named: NDArray[np.bool_]) -> NDArray[np.float32]:
        """P(alarm condition): float32[rows, conditions] to float32[rows, alarm conditions].

        Args:
            by_condition: after fusion; it is not changed.
            named: bool[rows], of `named`.
        """
        count = by_condition.shape[1]
        result = np.zeros((len(by_condition), count + len(self._children)), np.float32)
        np.copyto(result[:, :count], by_condition, where=named[:, np.newaxis] | ~self._has_parent)
        for parent, children in enumerate(self._children, start=count):
            for child in children:  # in this order, so that one window alone has the same sum
                result[:, parent] += by_condition[:, child]
        np.minimum(result[:, count:], np.float32(1), out=result[:, count:])  # a sum may pass 1 by its rounding
        result[named, count:] = 0
        return result
