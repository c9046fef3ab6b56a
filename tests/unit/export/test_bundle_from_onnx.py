"""A network trained elsewhere is held to what our own are held to; each check is the only one that stops its case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from drsn.agent.backends.selection import open_backend
from drsn.export.__main__ import main
from drsn.export.bundle_from_onnx import bundle_from_onnx
from drsn.model.bundle import open_bundle
from drsn.model.errors import BadDataError, BundleError, ConfigurationError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.bundle import Bundle

CONTRACT = """
name = "foreign"
version = "3"
origin = "Trained by somebody else, with another framework."
window = 64
sample_rate_hz = 12000
bandwidth_hz = 5300
abstention_threshold = 0.9

[[labels]]
name = "normal"
condition = "normal"
healthy = true

[[labels]]
name = "ball"
condition = "ball"
"""


def network(
    *, normalises: bool = True, opset: int = 17, ir: int = 8, domain: str = "", batch: int | str = "b"
) -> onnx.ModelProto:
    """Mean and spread taken off, one linear layer, softmax; novelty is the smaller probability."""
    node, rng = helper.make_node, np.random.default_rng(1)
    weights = {
        "w": rng.standard_normal((64, 2)).astype(np.float32),
        "tiny": np.float32(1e-12),
        "shape": np.array([-1, 64], np.int64),
    }
    steps = [
        node("ReduceMean", ["x"], ["mean"], axes=[2], keepdims=1),
        node("Sub", ["x", "mean"], ["c"]),
        node("Mul", ["c", "c"], ["square"]),
        node("ReduceMean", ["square"], ["variance"], axes=[2], keepdims=1),
        node("Sqrt", ["variance"], ["spread"]),
        node("Max", ["spread", "tiny"], ["divisor"]),
        node("Div", ["c", "divisor"], ["n"]),
    ]
    outputs = [
        node("Reshape", ["n" if normalises else "x", "shape"], ["flat"]),
        node("MatMul", ["flat", "w"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
        node("ReduceMin", ["probabilities"], ["novelty"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        [*(steps if normalises else []), *outputs],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 1, 64])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [batch, 2]),
            helper.make_tensor_value_info("novelty", TensorProto.FLOAT, [batch]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    imports = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir)


def answers(model: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    """What it gave where it was trained: computed by ONNX's own reference."""
    from onnx.reference import ReferenceEvaluator

    probabilities, novelty = ReferenceEvaluator(model).run(["probabilities", "novelty"], {"x": x})
    return {"x": x, "probabilities": probabilities, "novelty": novelty}


X = np.random.default_rng(2).standard_normal((40, 1, 64)).astype(np.float32)


@pytest.fixture
def given(tmp_path: Path):
    """Write the three files; returns where they are and where to."""

    def write(
        model: onnx.ModelProto | bytes | None = None, contract: str = CONTRACT, **golden: np.ndarray
    ) -> tuple[Path, Path, Path, Path]:
        sound = network()
        model = sound if model is None else model
        paths = tuple(tmp_path / name for name in ("n.onnx", "c.toml", "w.npz", "bundle"))
        paths[0].write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        paths[1].write_bytes(contract.encode("utf-8", "surrogateescape"))
        np.savez(paths[2], **{**answers(sound, X), **golden})
        return paths

    return write


def wrap(paths: tuple[Path, Path, Path, Path], *, force: bool = True) -> Bundle:
    """Random weights name noise, so it is forced."""
    return bundle_from_onnx(*paths, force=force)[0]


def refused(paths: tuple[Path, Path, Path, Path], kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told) as caught:
        wrap(paths)
    assert "\n" not in str(caught.value)
    assert not paths[3].exists()


def test_it_becomes_a_bundle_that_the_agent_opens(given):
    paths = given()
    bundle = wrap(paths)
    assert bundle == open_bundle(paths[3])
    assert (bundle.manifest.name, bundle.manifest.version, bundle.manifest.training) == ("foreign", "3", None)
    assert bundle.contract.abstention_threshold == 0.9
    assert bundle.read("model.onnx") == paths[0].read_bytes(), "wrapped as it was given"
    assert [parity.pair for parity in bundle.manifest.parity][-1] == "x ~ 1000 x + 500"
    assert b"Trained by somebody else" in bundle.read("MODEL_CARD.md")
    with open_backend(bundle, "onnxruntime", 8) as backend:
        np.testing.assert_allclose(
            backend.infer(X[:8]).probabilities, answers(network(), X[:8])["probabilities"], atol=1e-5
        )


def test_the_command_line_of_it(given, capsys: pytest.CaptureFixture[str]):
    paths = given()
    options = [
        value for pair in zip(("--onnx", "--contract", "--golden", "--out"), paths, strict=True) for value in pair
    ]
    assert main([str(option) for option in options]) == 78
    assert not paths[3].exists()
    line = capsys.readouterr().err
    assert "signals that no machine made raise alarms of a machine fault: " in line
    assert "streams: ball)" in line
    assert "--force" in line
    assert main([*(str(option) for option in options), "--force"]) == 0
    printed = capsys.readouterr().out
    assert "foreign 3" in printed
    assert "gaussian noise" in printed
    assert "streams: ball)" in (paths[3] / "MODEL_CARD.md").read_text()


def test_an_older_bundle_is_not_replaced(given):
    paths = given()
    wrap(paths)
    before = paths[0].read_bytes()
    paths[0].write_bytes(b"letters")
    with pytest.raises(UsageError, match="--force"):  # before anything is read
        wrap(paths, force=False)
    paths[0].write_bytes(before)
    assert wrap(paths).sha256


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (b"letters", "no sound ONNX file"),
        (b"", "no sound ONNX file"),
        (network(opset=18), "opsets"),
        (network(domain="com.microsoft"), "opsets"),
        (network(ir=9), "IR 9"),
    ],
    ids=["letters", "nothing", "opset", "domain", "ir"],
)
def test_what_not_every_target_can_read_is_65(given, model: onnx.ModelProto | bytes, told: str):
    refused(given(model), BadDataError, told)


def test_weights_in_another_file_are_refused(given):
    model = network()
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "w")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    tensor.ClearField("raw_data")
    refused(given(model), BadDataError, "weights in other files")


def test_a_fixed_batch_is_refused(given):
    refused(given(network(batch=1)), BundleError, "its batch size is fixed")


@pytest.mark.parametrize("old", ["x", "probabilities", "novelty"])
def test_other_names_are_refused(given, old: str):
    model = network()
    for node in model.graph.node:
        node.input[:] = ["other" if name == old else name for name in node.input]
        node.output[:] = ["other" if name == old else name for name in node.output]
    for end in (*model.graph.input, *model.graph.output):
        end.name = "other" if end.name == old else end.name
    refused(given(model), BundleError, old)


def test_another_window_than_the_contracts_is_refused(given):
    x = np.zeros((3, 1, 128), np.float32)
    refused(given(contract=CONTRACT.replace("64", "128"), x=x, probabilities=np.full((3, 2), 0.5, np.float32),
                  novelty=np.zeros(3, np.float32)), BundleError, "its input is not x")  # fmt: skip


def test_a_network_that_does_not_say_what_the_windows_say_is_refused(given):
    wrong = np.roll(answers(network(), X)["probabilities"], 1, axis=1)
    refused(given(probabilities=wrong), BundleError, "nothing was written: FAIL torch|nothing was written: FAIL")


def test_a_network_without_normalisation_is_refused(given):
    """It agrees with its own windows; on another sensor it would not."""
    model = network(normalises=False)
    refused(given(model, **answers(model, X)), BundleError, r"FAIL x ~ 1000 x \+ 500")


@pytest.mark.parametrize(
    ("golden", "told"),
    [
        ({"novelty": np.zeros(3, np.float32)}, "hold"),
        ({"novelty": np.zeros(40, np.float64)}, "all float32"),
        ({"probabilities": np.full((40, 2), np.nan, np.float32)}, "NaN"),
        ({"x": np.zeros((0, 1, 64), np.float32)}, "hold"),
        ({"x": np.float32(7)}, "hold"),
        (
            {
                "x": np.zeros((0, 1, 64), np.float32),
                "probabilities": np.zeros((0, 2), np.float32),
                "novelty": np.zeros(0, np.float32),
            },
            "hold",
        ),
        (
            {
                "x": np.zeros((1025, 1, 64), np.float32),
                "probabilities": np.zeros((1025, 2), np.float32),
                "novelty": np.zeros(1025, np.float32),
            },
            "no agent takes more than 1024",
        ),
    ],
    ids=["length", "dtype", "nan", "none", "a number", "none at all", "too many"],
)
def test_windows_that_prove_nothing_are_refused(given, golden: dict, told: str):
    refused(given(**golden), BadDataError, told)


def test_a_file_without_windows_is_refused(given):
    paths = given()
    np.savez(paths[2], x=X)
    refused(paths, BadDataError, "no .npz with x, probabilities, novelty")
    paths[2].write_bytes(b"letters")
    refused(paths, BadDataError, "no .npz")
    paths[2].unlink()
    refused(paths, BadDataError, "no .npz")


@pytest.mark.parametrize(
    ("contract", "told"),
    [
        ("name = ", "can't be read"),
        ("\udcff", "can't be read"),
        ("#" * (1 << 20) + CONTRACT, "can't be read: larger than 1048576 bytes"),
        (CONTRACT.replace('version = "3"', ""), "version"),
        (CONTRACT.replace("window = 64", "window = 8"), "window"),
        (CONTRACT.replace("bandwidth_hz = 5300", "bandwidth_hz = 7000"), "above half the rate"),
        (CONTRACT.replace("healthy = true", ""), "healthy"),
        ("colour = 1\n" + CONTRACT, "colour"),
    ],
    ids=["toml", "letters", "size", "version", "window", "bandwidth", "healthy", "unknown"],
)
def test_a_contract_that_is_none_is_78(given, contract: str, told: str):
    refused(given(contract=contract), ConfigurationError, told)


@pytest.mark.parametrize(("place", "kind"), [(0, BadDataError), (1, ConfigurationError)])
def test_a_missing_file_is_named(given, place: int, kind: type[Exception]):
    paths = given()
    paths[place].unlink()
    refused(paths, kind, paths[place].name)
