from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from drsn.agent.backends.backend import Outputs
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.backends.selection import SELF_TEST_TOLERANCE, open_backend, self_test
from drsn.agent.backends.tolerance import Tolerance
from drsn.agent.bundles import SHIPPED, shipped
from drsn.model.bundle import Bundle, open_bundle
from drsn.model.errors import BundleError, UnavailableError

BUNDLE = open_bundle(shipped("synthetic"))
GOLDEN = BUNDLE.golden()
MAX_BATCH = 50  # some 128 windows: the last batch is a short one
NAN = float("nan")


@dataclass
class Parrot:
    """Says what was said when the bundle was made, window by window; a test may change its words."""

    name: str = "parrot"
    probabilities: np.ndarray = field(default_factory=GOLDEN.probabilities.copy)
    novelty: np.ndarray = field(default_factory=GOLDEN.novelty.copy)
    heard: list[np.ndarray] = field(default_factory=list)

    def infer(self, x: np.ndarray) -> Outputs:
        start = sum(map(len, self.heard))
        self.heard.append(x)
        rows = slice(start, start + len(x))
        return Outputs(self.probabilities[rows], self.novelty[rows], None)

    def close(self) -> None:
        """Nothing to free."""


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_passes_on_the_backend_that_is_chosen_by_itself(name: str):
    bundle = open_bundle(shipped(name))
    backend = open_backend(bundle, "auto", MAX_BATCH)
    assert backend.name == "onnxruntime"
    assert self_test(bundle, backend, MAX_BATCH) < SELF_TEST_TOLERANCE / 10
    backend.close()


def test_every_golden_window_is_asked_in_batches_that_the_backend_can_take():
    parrot = Parrot()
    assert self_test(BUNDLE, parrot, MAX_BATCH) == 0
    assert [len(x) for x in parrot.heard] == [MAX_BATCH] * (len(GOLDEN.x) // MAX_BATCH) + [len(GOLDEN.x) % MAX_BATCH]
    np.testing.assert_array_equal(np.concatenate(parrot.heard), GOLDEN.x)


@pytest.mark.parametrize("row", [0, 60, -1])
@pytest.mark.parametrize("wrong", [0.01, NAN, np.inf])
@pytest.mark.parametrize("output", ["probabilities", "novelty"])
def test_one_wrong_answer_is_enough_to_be_refused(output: str, wrong: float, row: int):
    parrot = Parrot()
    getattr(parrot, output)[row] += wrong * (1 + abs(GOLDEN.novelty[row]))
    with pytest.raises(BundleError, match=r"parrot is off by .* do not trust this bundle on this machine") as caught:
        self_test(BUNDLE, parrot, MAX_BATCH)
    assert str(BUNDLE.path) in str(caught.value)


def test_of_an_engine_it_is_the_engine_that_is_not_to_be_trusted():
    parrot = Parrot()
    parrot.probabilities[0] += 0.5
    with pytest.raises(BundleError, match=r"^engine of .*: parrot is off by 0\.5 .*do not trust this engine"):
        self_test(BUNDLE, parrot, MAX_BATCH, Tolerance(0.1, 0.1))


class Mute(Parrot):
    """Can't run."""

    def infer(self, x: np.ndarray) -> Outputs:
        raise UnavailableError(f"no memory for {x.shape}; close something")


def test_a_network_that_can_not_run_is_the_bundles_fault_and_an_engine_that_can_not_the_machines():
    with pytest.raises(BundleError, match=r"^bundle .*: its network cannot run here: no memory"):
        self_test(BUNDLE, Mute(), MAX_BATCH)
    with pytest.raises(UnavailableError, match=r"^no memory"):
        self_test(BUNDLE, Mute(), MAX_BATCH, Tolerance(0.1, 0.1))


def test_the_rounding_of_another_processor_is_no_reason():
    parrot = Parrot()
    parrot.probabilities += np.float32(1e-5)
    parrot.novelty *= np.float32(1 + 1e-5)
    assert 0 < self_test(BUNDLE, parrot, MAX_BATCH) < SELF_TEST_TOLERANCE


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (b"", "can't load it"),
        (b"garbage" * 99, "can't load it"),
        (open_bundle(shipped("cwru")).read("model.onnx"), "one probability per label"),
    ],
    ids=["empty", "garbage", "another model's"],
)
def test_a_network_that_is_not_the_contracts_is_refused(model: bytes, said: str):
    swapped = replace(BUNDLE, files={**BUNDLE.files, "model.onnx": model})
    with pytest.raises(BundleError, match=said):
        open_backend(swapped, "auto", MAX_BATCH)


def foreign(operator: str, *inputs: str, **options: int) -> Bundle:
    """A bundle whose network gives what one operator makes of its windows."""
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info
    size = onnx.numpy_helper.from_array(np.array([7, len(BUNDLE.contract.labels)]), "size")
    outputs = ("novelty", "probabilities")
    nodes = [onnx.helper.make_node(operator, ["x", *inputs], [name], **options) for name in outputs]
    x = value("x", 1, ["batch", BUNDLE.contract.channels, BUNDLE.contract.window])
    graph = onnx.helper.make_graph(nodes, "foreign", [x], [value(name, 1, None) for name in outputs], [size])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    return replace(BUNDLE, files={**BUNDLE.files, "model.onnx": model.SerializeToString()})


def test_a_network_that_gives_one_number_for_all_windows_is_refused():
    with pytest.raises(BundleError, match="one probability per label"):
        open_backend(foreign("ReduceSum", keepdims=0), "auto", MAX_BATCH)


def test_of_a_network_that_fails_the_runtime_says_nothing_of_its_own(capfd: pytest.CaptureFixture[str]):
    """Its line, in colours, would stand in the journal beside ours."""
    backend = OnnxBackend(foreign("Reshape", "size").read("model.onnx"), BUNDLE.contract, MAX_BATCH)
    with pytest.raises(UnavailableError, match="ONNX Runtime failed"):
        backend.infer(GOLDEN.x[:1])
    assert capfd.readouterr() == ("", "")
