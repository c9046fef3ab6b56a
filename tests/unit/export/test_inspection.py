from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.export.inspection import describe

if TYPE_CHECKING:
    from drsn.model.bundle import Bundle
    from drsn.model.contract import ModelContract


def test_a_person_sees_what_the_agent_will_hold_the_model_to(bundle: Bundle, contract: ModelContract):
    text = describe(replace(bundle, manifest=bundle.manifest.model_copy(update={"contract": contract})))
    assert text.startswith(f"tiny 1, made {bundle.manifest.created}\nsha256      {bundle.sha256}\n")
    assert "float32[batch, 1, 256] at 12000 Hz, band-limited to 5300 Hz" in text
    assert "above a novelty of 0" in text
    cells = [line.split() for line in text.splitlines()]
    assert ["inner_race_014", "inner_race", "critical"] in cells


def test_files_and_parity_are_listed(bundle: Bundle):
    text = describe(bundle)
    for name, entry in bundle.manifest.files.items():
        assert [name, f"{entry.bytes:,}", "bytes", entry.sha256[:16]] in [line.split() for line in text.splitlines()]
    assert f"labels 100.0% of {len(bundle.golden().x)}" in text
    assert text.count("torch ~ onnxruntime, batch") == text.count("torch ~ onnxruntime, model.fp16.onnx, batch") == 3
    assert text.count("torch ~ torch in float16") == 1
    assert f"onnxruntime {bundle.manifest.versions['onnxruntime']}" in text


def test_a_model_that_never_abstains_says_so(bundle: Bundle):
    contract = bundle.contract.model_copy(update={"abstention_threshold": None})
    manifest = bundle.manifest.model_copy(update={"contract": contract})
    assert "abstains    never" in describe(replace(bundle, manifest=manifest))
