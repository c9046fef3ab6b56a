"""Batch-norm folding: multiply batch norms into the convolution or linear layer before them, for inference."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

if TYPE_CHECKING:
    from drsn.model.deployed_model import DeployedModel


def folded(graph: DeployedModel) -> DeployedModel:
    """Return a copy of the graph with folded batch norms; its outputs are the same except for rounding.

    A batch norm after a sum cannot be folded and stays: one in each unit, and the last.

    Raises:
        ValueError: the graph is in training mode, where batch norms are no constant factors.
    """
    if graph.training:
        raise ValueError("folding needs eval(): in training mode batch norms depend on the batch")
    graph = copy.deepcopy(graph)
    for module in graph.modules():
        if isinstance(module, nn.Sequential):
            _fold(module)
    return graph


def _fold(layers: nn.Sequential) -> None:
    for place, (before, after) in enumerate(zip(list(layers), list(layers)[1:], strict=False)):
        if not isinstance(after, nn.BatchNorm1d):
            continue
        if isinstance(before, nn.Conv1d):
            layers[place] = fuse_conv_bn_eval(before, after)
        elif isinstance(before, nn.Linear):
            layers[place] = fuse_linear_bn_eval(before, after)
        else:
            continue
        layers[place + 1] = nn.Identity()
