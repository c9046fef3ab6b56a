from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.backends.backend import require_windows


def test_a_batch_of_the_contract_s_windows_is_taken():
    for batch in (1, 4):
        require_windows(np.zeros((batch, 2, 16), np.float32), (2, 16), 4)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((0, 2, 16), "f4"),
        ((5, 2, 16), "f4"),
        ((1, 1, 16), "f4"),
        ((1, 2, 15), "f4"),
        ((2, 16), "f4"),
        ((1, 2, 16), "f8"),
    ],
)
def test_anything_else_is_the_callers_mistake(shape: tuple[int, ...], dtype: str):
    with pytest.raises(ValueError, match=r"is not float32\[1\.\.4, \(2, 16\)\]"):
        require_windows(np.zeros(shape, dtype), (2, 16), 4)
