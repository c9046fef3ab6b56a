"""Small networks of every family for the tests of export; needs torch."""

from __future__ import annotations

import importlib.util
import os
import platform

import numpy as np
import pytest
import torch
from torch import nn

from drsn.model.contract import Label, ModelContract
from drsn.model.deployed_model import DeployedModel
from drsn.model.ensemble import network_of
from drsn.model.network import Family, NetworkConfig, Spectrum, StageConfig, StemConfig, View
from drsn.model.novelty import fit_coefficients


def real_builder() -> None:
    """Skip on a machine without TensorRT-RTX, which is for x86-64 alone; in CI it must be there."""
    if importlib.util.find_spec("tensorrt_rtx") is None and os.environ.get("CI") and platform.machine() == "x86_64":
        pytest.fail("CI must have tensorrt_rtx: pip install 'drsn-edge[rtx]'")
    pytest.importorskip("tensorrt_rtx", reason="pip install 'drsn-edge[rtx]', on x86-64")


CONTRACT = ModelContract(
    labels=(
        Label(name="normal", condition="normal", healthy=True),
        Label(name="ball", condition="ball"),
        Label(name="outer_race", condition="outer_race"),
    ),
    window=512,
    sample_rate_hz=12_000,
    bandwidth_hz=5_300,
)


def diagnosis(
    family: Family,
    view: View = View.WAVEFORM,
    members: int = 1,
    spectrum: Spectrum = Spectrum.NONE,
    domain: str = "time",
) -> DeployedModel:
    """Three labels, windows of 512 samples; a stage that halves, and one that widens."""
    torch.manual_seed(1)
    network = network_of(
        NetworkConfig(
            family=family,
            view=view,
            members=members,
            spectrum=spectrum,
            domain=domain,
            labels=3,
            window=512,
            envelope_bins=16,
            stem=StemConfig(channels=8),
            stages=(StageConfig(channels=8), StageConfig(channels=16)),
        )
    )
    features = sum(part.classifier.in_features for part in network.member_networks)
    embedding = np.random.default_rng(1).standard_normal((300, features)).astype(np.float32)
    return DeployedModel(network, fit_coefficients(embedding, np.arange(300) % 3), temperature=1.7).eval()


def trained_by_chance(graph: DeployedModel) -> DeployedModel:
    """Batch norms as training might leave them; fresh ones change nothing, so that a lost one would not show."""
    for module in graph.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
    return graph
