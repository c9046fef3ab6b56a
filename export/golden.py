"""Golden outputs: torch's outputs for the golden windows, the reference for every other runtime."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import torch

from drsn.model.bundle import Golden

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drsn.model.deployed_model import DeployedModel

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def golden_from_torch(graph: DeployedModel, x: NDArray[np.float32]) -> Golden:
    """Run float32[windows, channels, window] through the graph; return windows and outputs."""
    with torch.no_grad():
        _logits, probabilities, novelty, *_rest = graph(torch.from_numpy(x))
    return Golden(x, probabilities.numpy(), novelty.numpy())


def npz_bytes(arrays: dict[str, NDArray[np.generic]]) -> bytes:
    """A deterministic .npz: its bytes depend on the arrays alone, while np.savez writes the time of day."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array, order="C"), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", ZIP_EPOCH), content.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
