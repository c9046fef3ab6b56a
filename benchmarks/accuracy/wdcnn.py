"""WDCNN: the wide-kernel network that most papers on CWRU under noise compare with.

Zhang, Peng, Li, Chen, Zhang, "A New Deep Learning Model for Fault Diagnosis with Good Anti-Noise and Domain Adaptation
Ability on Raw Vibration Signals", Sensors 17(2) 425, 2017, doi 10.3390/s17020425, Table 2.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from drsn.model.network import Network, NetworkOutput

if TYPE_CHECKING:
    from drsn.model.network import NetworkConfig

CHANNELS = (16, 32, 64, 64, 64)
HIDDEN = 100


class Wdcnn(Network):
    """WDCNN with the interface of `Network`; it uses only labels, channels and window of the configuration."""

    def __init__(self, config: NetworkConfig) -> None:
        nn.Module.__init__(self)
        self.order_domain = False
        blocks = [*_block(config.channels, CHANNELS[0], kernel=64, stride=16, padding=24)]
        for entering, leaving in pairwise(CHANNELS[:-1]):
            blocks += _block(entering, leaving, kernel=3, stride=1, padding=1)
        blocks += _block(CHANNELS[-2], CHANNELS[-1], kernel=3, stride=1, padding=0)
        self.body = nn.Sequential(*blocks, nn.Flatten())
        with torch.no_grad():
            features = self.body.eval()(torch.zeros(1, config.channels, config.window)).shape[1]
        self.hidden = nn.Sequential(nn.Linear(features, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU())
        self.classifier = nn.Linear(HIDDEN, config.labels)
        self.train()

    def forward(self, x: Tensor, revolutions: Tensor | None = None) -> NetworkOutput:  # noqa: ARG002 (time domain)
        """Diagnose float32[batch, channels, window]."""
        embedding = self.hidden(self.body(x))
        return NetworkOutput(self.classifier(embedding), embedding, None)


def _block(entering: int, leaving: int, *, kernel: int, stride: int, padding: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv1d(entering, leaving, kernel, stride, padding),
        nn.BatchNorm1d(leaving),
        nn.ReLU(),
        nn.MaxPool1d(2),
    )
