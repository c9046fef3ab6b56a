from __future__ import annotations

from dataclasses import replace

import pytest
from engine_files import plan_bytes
from fake_cuda import Gpu
from fake_tensorrt import VERSIONS, Behaviour, fake

from drsn.agent.backends.tensorrt.engine import Engine
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle
from drsn.model.errors import BundleError

BUNDLE = open_bundle(shipped("synthetic"))
MODEL = BUNDLE.read("model.onnx")
OTHER = open_bundle(shipped("cwru"))


def engine(version: str = "10.3.0", *, max_batch: int = 8, batch: tuple[int, int, int] = (1, 8, 32), **said: object):
    library = fake(version, Behaviour(Gpu(), **said))
    return Engine(library, plan_bytes(library, MODEL, batch), BUNDLE.contract, max_batch)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_input_comes_first_and_only_what_the_agent_reads_is_wanted(version: str):
    tensors = engine(version).tensors
    assert (tensors[0].name, tensors[0].shape, tensors[0].window_bytes) == ("x", (1, 2048), 8192)
    assert {t.name for t in tensors if t.wanted} == {"x", "probabilities", "novelty", "alpha"}
    assert {t.name for t in tensors if not t.wanted} == {"logits", "embedding"}


def test_only_rtx_keeps_graphs_of_its_own():
    assert [version for version in VERSIONS if engine(version).captures_itself] == ["rtx-1.7.1"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plan_of_another_version_gives_none_and_becomes_one_line(version: str):
    library = fake(version, Behaviour(Gpu()))
    wrong = replace(library, version=(9, 9, 9, 9))
    with pytest.raises(BundleError, match="can't load it: Error Code 1: Serialization assertion failed"):
        Engine(library, plan_bytes(wrong, MODEL), BUNDLE.contract, 8)


def test_what_was_logged_before_is_no_reason():
    library = fake("10.3.0", Behaviour(Gpu(), refused={"deserialize_cuda_engine"}))
    library.errors.append("of yesterday")
    with pytest.raises(BundleError, match=r"can't load it: Error Code 4: deserialize_cuda_engine is to fail$"):
        Engine(library, plan_bytes(library, MODEL), BUNDLE.contract, 8)


@pytest.mark.parametrize("name", ["x", "probabilities", "novelty"])
def test_half_precision_at_the_ends_is_refused(name: str):
    with pytest.raises(BundleError, match=f"{name} is .*HALF, not float32"):
        engine(half=(name,))


def test_half_precision_of_what_nobody_reads_is_fine():
    assert {t.item_bytes for t in engine(half=("logits", "embedding")).tensors if not t.wanted} == {2}


@pytest.mark.parametrize("name", ["probabilities", "novelty"])
def test_a_missing_output_is_named(name: str):
    with pytest.raises(BundleError, match=f"{name} is None a window"):
        engine(renamed={name: "something"})


@pytest.mark.parametrize(("inputs", "renamed"), [(("x", "logits"), {}), (("signal",), {"x": "signal"}), ((), {})])
def test_any_other_input_than_x_alone_is_refused(inputs: tuple[str, ...], renamed: dict[str, str]):
    with pytest.raises(BundleError, match="its one input must be x"):
        engine(inputs=inputs, renamed=renamed)


def test_a_network_of_another_contract_is_refused():
    library = fake("11.4.0", Behaviour(Gpu()))
    with pytest.raises(BundleError, match="the contract says"):
        Engine(library, plan_bytes(library, MODEL), OTHER.contract, 8)


def test_a_profile_that_just_reaches_is_taken():
    assert engine(batch=(1, 4, 8), max_batch=8).tensors


@pytest.mark.parametrize(("batch", "max_batch"), [((2, 8, 32), 8), ((1, 4, 4), 8)])
def test_a_profile_that_does_not_reach_is_refused(batch: tuple[int, int, int], max_batch: int):
    with pytest.raises(BundleError, match=rf"takes {batch[0]} to {batch[2]} windows at once, not 1 to {max_batch}"):
        engine(batch=batch, max_batch=max_batch)


@pytest.mark.parametrize("shape", [(8, 1, 2048), (-1, 1, -1), ()])
def test_a_fixed_batch_or_a_free_window_is_refused(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]):
    monkeypatch.setattr("fake_tensorrt._Engine.get_tensor_shape", lambda _self, _name: shape)
    with pytest.raises(BundleError, match="only its batch size may be dynamic"):
        engine()


def test_an_output_that_does_not_follow_the_batch_is_refused(monkeypatch: pytest.MonkeyPatch):
    """Its memory was made for the batch; a larger output would be written over what lies behind."""
    monkeypatch.setattr("fake_tensorrt._Context.get_tensor_shape", lambda _self, _name: (99, 4))
    with pytest.raises(BundleError, match=r"is \[99, 4\] for a batch of 8"):
        engine().context(8, graph=True)


def test_closing_lets_go_and_twice_is_fine():
    made = engine()
    made.close()
    made.close()
    assert (made._engine, made._runtime) == (None, None)
