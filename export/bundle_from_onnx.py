"""Make a bundle of a network trained elsewhere, after the checks that our own networks pass.

Inputs are the ONNX file, a TOML file with the contract, and windows with the outputs that the network gave where it was
trained. The contract file has the keys of `ModelContract`, and `name`, `version` and `origin`.
"""

from __future__ import annotations

from datetime import datetime, timezone
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from pydantic import Field, ValidationError

from drsn.agent.backends.onnx import OnnxBackend
from drsn.export import noise_check
from drsn.export.bundle_writer import file_entries, may_replace, write_bundle
from drsn.export.golden import npz_bytes
from drsn.export.model_card import noise_section
from drsn.export.onnx_from_torch import MAX_IR, OPSET
from drsn.export.parity import compare
from drsn.export.verify import BATCHES, ONNXRUNTIME, run, verify_onnx
from drsn.model.bundle import MAX_GOLDEN, Golden
from drsn.model.contract import Frozen, Manifest, ModelContract, NoiseCheck
from drsn.model.errors import BadDataError, BundleError, ConfigurationError, excerpt
from drsn.model.onnx_wire import OnnxWireError, require_self_contained
from drsn.model.toml_file import TomlError, read_toml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.export.parity import Comparison
    from drsn.model.bundle import Bundle

ARRAYS = ("x", "probabilities", "novelty")
GAIN, OFFSET = 1000.0, 500.0
"""Gain and offset of another sensor or another unit, for the test of invariance."""

INVARIANCE = 1e-3
"""Largest difference of a probability between a window and the same one scaled: an offset costs 3 of 7 digits."""

TOOLS = ("drsn-edge", "onnx", "onnxruntime", "numpy")


class ContractFile(Frozen):
    """The TOML file beside a foreign network: the model contract, and name, version and origin."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")
    version: str = Field(min_length=1, max_length=64)
    origin: str = Field(min_length=1, description="who trained it, on what, and how good it is; for the card")
    contract: ModelContract


def bundle_from_onnx(
    onnx_path: Path, contract_path: Path, golden_path: Path, out: Path, *, force: bool
) -> tuple[Bundle, list[Comparison]]:
    """Check, compare, and only then write.

    Raises:
        BadDataError: a file can't be read, or the network is not what every target can run.
        ConfigurationError: the contract file is wrong.
        BundleError: the network's inputs or outputs are not the contract's, its outputs differ from the given ones,
            or noise raises an alarm and `force` is not given.
        UsageError: something is at `out` already.
    """
    may_replace(out, force=force)
    contract_file = _read_contract(contract_path)
    content = _bytes(onnx_path, "network")
    check_network(content, str(onnx_path))
    golden = _golden(golden_path, contract_file.contract)
    contract = contract_file.contract
    comparisons = [*verify_onnx(content, contract, golden), *_invariance(content, contract, golden)]
    failed = [str(comparison) for comparison in comparisons if not comparison.passed]
    if failed:
        raise BundleError(f"{onnx_path}: not wrapped, nothing was written: {'; '.join(failed)}")
    noise = noise_check.check_network(content, contract, golden.x, str(onnx_path), force=force)
    files = {
        "model.onnx": content,
        "golden.npz": npz_bytes(dict(vars(golden))),
        "MODEL_CARD.md": _card(contract_file, comparisons, noise),
    }
    manifest = Manifest(
        name=contract_file.name,
        version=contract_file.version,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
        contract=contract,
        files=file_entries(files),
        parity=tuple(comparison.parity for comparison in comparisons),
        versions={name: version(name) for name in TOOLS},
        noise_check=noise,
    )
    return write_bundle(out, manifest, files, force=force), comparisons


def check_network(content: bytes, where: str) -> None:
    """Check that TensorRT and ONNX Runtime can read the network, and that it is complete.

    Raises:
        BadDataError: no ONNX, another opset or IR, or weights that lie in other files.
    """
    model = _sound(content, where, onnx.load_from_string)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if opsets.get("", 0) > OPSET or set(opsets) - {"", "ai.onnx"}:
        raise BadDataError(
            f"{where}: has opsets {opsets}; at most {OPSET} is read everywhere, and no other domain; export again"
        )
    if model.ir_version > MAX_IR:
        raise BadDataError(f"{where}: has IR {model.ir_version}, at most {MAX_IR} is read everywhere; export again")
    try:
        require_self_contained(content)
    except OnnxWireError as error:
        raise BadDataError(f"{where}: {error}; export it whole, of plain ONNX") from None
    _sound(model, where, lambda whole: onnx.checker.check_model(whole, full_check=True))


def _sound(given: Any, where: str, check: Callable[[Any], Any]) -> Any:  # noqa: ANN401 (onnx has no types)
    try:
        return check(given)
    except Exception as error:  # noqa: BLE001 (protobuf and onnx raise unrelated types)
        raise BadDataError(f"{where}: is no sound ONNX file: {' '.join(str(error).split())[:200]}") from None


def _read_contract(path: Path) -> ContractFile:
    try:
        document = read_toml(path)
    except TomlError as error:
        raise ConfigurationError(f"contract {path}: can't be read: {error}") from None
    own = {key: document.pop(key) for key in ("name", "version", "origin") if key in document}
    try:
        return ContractFile(**own, contract=ModelContract.model_validate(document))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "document"
        raise ConfigurationError(f"contract {path}: {where}: {first['msg']}") from None


def _bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadDataError(f"{what} {path}: {error.strerror or error}") from None


def _golden(path: Path, contract: ModelContract) -> Golden:
    try:
        # numpy leaves a file open that it opened itself and that is no .zip behind its first bytes.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name]) for name in ARRAYS}
    except Exception as error:  # noqa: BLE001 (numpy and zipfile raise a dozen unrelated types)
        raise BadDataError(f"golden windows {path}: no .npz with {', '.join(ARRAYS)}: {excerpt(error)}") from None
    windows = len(found["x"]) if found["x"].ndim else 0
    due = ((windows, contract.channels, contract.window), (windows, len(contract.labels)), (windows,))
    shapes = tuple(found[name].shape for name in ARRAYS)
    if shapes != due or not windows or {array.dtype for array in found.values()} != {np.dtype(np.float32)}:
        raise BadDataError(f"golden windows {path}: hold {shapes}, the contract wants {due}, all float32")
    if windows > MAX_GOLDEN:
        raise BadDataError(
            f"golden windows {path}: {windows} of them, no agent takes more than {MAX_GOLDEN}; choose some"
        )
    if not all(np.isfinite(array).all() for array in found.values()):
        raise BadDataError(f"golden windows {path}: hold NaN or infinity")
    return Golden(**found)


def _invariance(content: bytes, contract: ModelContract, golden: Golden) -> list[Comparison]:
    """The contract's promise that gain and offset do not matter: the normalisation is inside the graph."""
    with OnnxBackend(content, contract, max(BATCHES)) as backend:
        plain = run(backend, golden.x, max(BATCHES))
        scaled = run(backend, np.float32(GAIN) * golden.x + np.float32(OFFSET), max(BATCHES))
    pair = f"x ~ {GAIN:g} x + {OFFSET:g}"
    return [compare(pair, plain, scaled, None, INVARIANCE, max(INVARIANCE, ONNXRUNTIME.novelty) * 10)]


def _card(contract_file: ContractFile, comparisons: list[Comparison], noise: NoiseCheck) -> bytes:
    contract = contract_file.contract
    lines = [
        f"# {contract_file.name} {contract_file.version}",
        contract_file.origin,
        (
            f"A network trained elsewhere, wrapped as it was given: float32[{contract.channels}, {contract.window}] at "
            f"{contract.sample_rate_hz:g} Hz, labels {', '.join(label.name for label in contract.labels)}."
        ),
        *noise_section(noise),
        "## Parity",
        "\n".join(f"* {comparison}" for comparison in comparisons),
    ]
    return ("\n\n".join(lines) + "\n").encode()
