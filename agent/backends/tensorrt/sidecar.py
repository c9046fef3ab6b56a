"""The sidecar of an engine file: a JSON document that tells how the plan beside it was built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from drsn.agent.backends.tensorrt.flavour import Flavour
from drsn.agent.backends.tensorrt.plan_header import HEADER_BYTES
from drsn.model.contract import Frozen, Parity, Sha256
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

Precision = Literal["fp32", "fp16"]

NETWORK: Final[dict[Precision, str]] = {"fp32": "model.onnx", "fp16": "model.fp16.onnx"}
"""The bundle's network that each precision is built from."""

MAX_SIDECAR_BYTES = 1 << 16
Dotted = Annotated[str, StringConstraints(pattern=r"^\d{1,4}(\.\d{1,4}){1,3}$")]


class BatchRange(Frozen):
    """The batch sizes of an engine's optimization profile: the smallest, the one it is tuned for, the largest."""

    min: int = Field(ge=1)
    opt: int = Field(ge=1)
    max: int = Field(ge=1)

    @property
    def ordered(self) -> bool:
        """Whether min <= opt <= max."""
        return self.min <= self.opt <= self.max


DEFAULT_BATCH = BatchRange(min=1, opt=8, max=32)
"""The agent's default `inference.max_batch` is 32; most calls have few windows."""


class Sidecar(Frozen):
    """How a plan was built, written as `<plan>.json`."""

    schema_version: Literal[1] = 1
    flavour: Flavour
    tensorrt: Dotted = Field(description="version of TensorRT or TensorRT-RTX that built the plan")
    gpu: str | None = Field(min_length=1, max_length=128, description="null: built ahead of time, for any of its kind")
    compute_capabilities: tuple[Dotted, ...] = Field(min_length=1)
    l4t: str | None = Field(default=None, description="Jetson Linux, for example 36.4.3; null on a PC")
    cuda: str | None = Field(default=None, description="the driver's CUDA version")
    batch: BatchRange
    precision: Precision
    strict: bool = Field(description="without TF32")
    network: str = Field(description="the bundle's file that the plan was built from")
    onnx_sha256: Sha256
    bundle_sha256: Sha256
    plan_sha256: Sha256
    plan_bytes: int = Field(ge=HEADER_BYTES)
    workspace_bytes: int = Field(ge=0)
    opt_level: int | None = Field(default=None, description="null: TensorRT's own")
    parity: tuple[Parity, ...] = Field(default=(), description="empty: it could not run where it was built")
    build_s: float = Field(ge=0, allow_inf_nan=False)
    peak_memory_bytes: int = Field(ge=0, description="resident, of the process that built it")
    created: str = Field(description="UTC, ISO 8601")


def sidecar_path(plan: Path) -> Path:
    """Return `<plan>.json`."""
    return plan.with_name(f"{plan.name}.json")


def read_sidecar(plan: Path) -> Sidecar:
    """Read the sidecar of a plan.

    Raises:
        BundleError: it is missing, too large, or not of this schema.
    """
    path = sidecar_path(plan)
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_SIDECAR_BYTES + 1)
    except OSError as error:
        raise BundleError(f"engine {plan}: its sidecar {path.name}: {error.strerror or error}") from None
    if len(text) > MAX_SIDECAR_BYTES:
        raise BundleError(f"engine {plan}: its sidecar {path.name} is larger than {MAX_SIDECAR_BYTES} bytes")
    try:
        return Sidecar.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))[:80].encode("unicode_escape").decode() or "document"
        raise BundleError(f"engine {plan}: its sidecar {path.name}: {where}: {first['msg']}") from None
