from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.export.verify import verify
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from drsn.model.bundle import Bundle

PAIRS = [f"torch ~ onnxruntime, batch {batch}" for batch in (1, 7, 32)]


def test_a_bundle_is_compared_in_batches_of_several_sizes(bundle: Bundle):
    comparisons = verify(bundle)
    assert [comparison.parity.pair for comparison in comparisons] == PAIRS
    assert all(comparison.passed for comparison in comparisons)
    assert all(comparison.abstention_agreement == 1 for comparison in comparisons)
    assert {comparison.parity.windows for comparison in comparisons} == {len(bundle.golden().x)}


def test_one_wrong_window_fails_and_every_comparison_is_still_made(bundle: Bundle, with_golden):
    probabilities = bundle.golden().probabilities.copy()
    probabilities[-1] = np.roll(probabilities[-1], 1)  # the last, alone in its batch of 7
    comparisons = verify(with_golden(probabilities=probabilities))
    assert [comparison.parity.pair for comparison in comparisons] == PAIRS
    assert not any(comparison.passed for comparison in comparisons)


def test_golden_outputs_that_are_no_numbers_fail(bundle: Bundle, with_golden):
    comparisons = verify(with_golden(probabilities=np.full_like(bundle.golden().probabilities, np.nan)))
    assert not any(comparison.passed for comparison in comparisons)


def test_other_abstentions_are_counted(bundle: Bundle, with_golden):
    comparisons = verify(with_golden(novelty=bundle.golden().novelty + np.float32(1e6)))
    assert all(comparison.abstention_agreement < 1 for comparison in comparisons)


def test_a_network_that_cannot_be_loaded_is_a_broken_bundle(altered):
    with pytest.raises(BundleError, match=r"model\.onnx"):
        verify(altered({"model.onnx": b"hello"}))
