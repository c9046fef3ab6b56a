"""A TensorRT plan on disk and its sidecar: recognised in plain Python, before TensorRT may touch it.

A plan runs only on the TensorRT version and the GPU model that it was built with (TensorRT-RTX: on the named compute
capabilities), and a runtime that is given another one answers with an assertion or with wrong numbers. So three things
must agree before it is loaded: the plan's own header, the sidecar that the build left beside it, and the machine.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal, Protocol

from pydantic import Field, StringConstraints, ValidationError

from drsn.model.contract import Frozen, Parity, Sha256
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drsn.model.bundle import Bundle

Flavour = Literal["tensorrt", "tensorrt-rtx"]
Precision = Literal["fp32", "fp16"]
Version = tuple[int, ...]

HEADER_BYTES: Final = 28
MAGIC: Final[dict[bytes, Flavour]] = {b"ftrt": "tensorrt", b"vtrt": "tensorrt-rtx"}
SUFFIX: Final[dict[Flavour, str]] = {"tensorrt": ".plan", "tensorrt-rtx": ".rtx"}
TARGET: Final[dict[Flavour, str]] = {"tensorrt": "trt", "tensorrt-rtx": "trt-rtx"}
NETWORK: Final[dict[Precision, str]] = {"fp32": "model.onnx", "fp16": "model.fp16.onnx"}
"""Which of the bundle's networks a precision is built from, where the precision is part of the network."""

SHA_DIGITS = 16
"""Of the bundle's hash in a file's name; the sidecar has all 64."""

MAX_SIDECAR_BYTES = 1 << 16
Dotted = Annotated[str, StringConstraints(pattern=r"^\d{1,4}(\.\d{1,4}){1,3}$")]


class BatchRange(Frozen):
    """The batch sizes that an engine accepts, and the one it is tuned for."""

    min: int = Field(ge=1)
    opt: int = Field(ge=1)
    max: int = Field(ge=1)

    @property
    def ordered(self) -> bool:
        """Whether min <= opt <= max."""
        return self.min <= self.opt <= self.max


class Sidecar(Frozen):
    """What the build writes beside a plan, as `<plan>.json`."""

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


class Device(Protocol):
    """A GPU, as far as a plan depends on it."""

    @property
    def name(self) -> str:
        """As the driver calls it."""
        ...

    @property
    def compute_capability(self) -> tuple[int, int]:
        """Major and minor."""
        ...


@dataclass(frozen=True)
class Plan:
    """A plan that fits; `read` compares its bytes with the sidecar's hash."""

    path: Path
    sidecar: Sidecar

    def read(self) -> bytes:
        """The plan's bytes.

        Raises:
            BundleError: it can't be read, or is not what was built.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise BundleError(f"engine {self.path}: {error.strerror or error}; build it again") from None
        if hashlib.sha256(content).hexdigest() != self.sidecar.plan_sha256:
            raise BundleError(f"engine {self.path}: is not what its sidecar says was built; build it again")
        return content


@dataclass(frozen=True)
class NoPlan:
    """Why there is none: one line that ends with the command that builds one."""

    reason: str


@dataclass(frozen=True)
class Machine:
    """What a plan must fit."""

    flavour: Flavour
    tensorrt: Version
    """As the library says: three or four numbers."""
    device: Device


def default_engine_dir(bundle: Path) -> Path:
    """Beside the bundle, which is immutable: `BUNDLE.engines`."""
    return bundle.with_name(f"{bundle.name}.engines")


def plan_name(bundle_sha256: str, gpu: str, tensorrt: str, precision: Precision, flavour: Flavour) -> str:
    """`<bundle-sha>-<gpu>-<trt version>-<precision>.plan`, or `.rtx`."""
    return f"{bundle_sha256[:SHA_DIGITS]}-{slug(gpu)}-{tensorrt}-{precision}{SUFFIX[flavour]}"


def sidecar_path(plan: Path) -> Path:
    """`<plan>.json`."""
    return plan.with_name(f"{plan.name}.json")


def capability(numbers: tuple[int, int]) -> str:
    """(8, 7) as 8.7."""
    return ".".join(map(str, numbers))


def header(content: bytes) -> tuple[Flavour, Version]:
    """Flavour and version (four numbers) from a plan's first 28 bytes.

    Raises:
        ValueError: no plan; the text says what is wrong.
    """
    if len(content) < HEADER_BYTES:
        raise ValueError(f"is {len(content)} bytes long, shorter than a plan's header")
    flavour = MAGIC.get(content[:4])
    if flavour is None:
        raise ValueError(f"begins with {content[:4]!r}, so it is no TensorRT plan")
    if content[4:8] != bytes(4):
        raise ValueError("has a header of another layout, so it is of an unknown TensorRT")
    return flavour, tuple(content[24:HEADER_BYTES])


def build_command(bundle: Path, flavour: Flavour, engine_dir: Path | None = None, max_batch: int = 1) -> str:
    """The command line that builds what the agent wants."""
    place = "" if engine_dir in (None, default_engine_dir(bundle)) else f" --engine-dir {engine_dir}"
    batch = "" if max_batch <= DEFAULT_BATCH.max else f" --batch 1,{max_batch},{max_batch}"
    return f"drsn-export --target {TARGET[flavour]} --bundle {bundle}{place}{batch}"


DEFAULT_BATCH = BatchRange(min=1, opt=8, max=32)
"""The agent's own `max_batch` is 32 at most by default; most calls carry few windows."""


def find_plan(engine_dir: Path, bundle: Bundle, machine: Machine, max_batch: int = 1) -> Plan | NoPlan:
    """The newest plan of this bundle that fits the machine and takes any batch from 1 to `max_batch`.

    Nothing of TensorRT or CUDA is called. Where none fits, the reason is that of the one built last.
    """
    command = build_command(bundle.path, machine.flavour, engine_dir, max_batch)
    refused: list[str] = []
    try:
        for plan in _judged(engine_dir, bundle, machine, max_batch):
            if isinstance(plan, Plan):
                return plan
            refused.append(plan)
    except OSError as error:
        return NoPlan(f"engines {engine_dir}: {error.strerror or error}; build one: {command}")
    if refused:
        return NoPlan(f"{refused[0]}; build one that fits: {command}")
    others = any(engine_dir.glob(f"*{SUFFIX[machine.flavour]}"))
    of_others = " (those here are of other bundles)" if others else ""
    return NoPlan(f"engines {engine_dir}: none for this bundle{of_others}; build one: {command}")


def fitting(engine_dir: Path, bundle: Bundle, machine: Machine, max_batch: int = 1) -> list[Plan]:
    """Every plan that fits, the newest first: it is the one that the agent takes.

    Raises:
        OSError: the folder can't be read.
    """
    return [plan for plan in _judged(engine_dir, bundle, machine, max_batch) if isinstance(plan, Plan)]


def _judged(engine_dir: Path, bundle: Bundle, machine: Machine, max_batch: int) -> Iterator[Plan | str]:
    """Each plan of this bundle, the newest first, or why it does not fit."""
    pattern = f"{bundle.sha256[:SHA_DIGITS]}-*{SUFFIX[machine.flavour]}"
    for path in sorted(engine_dir.glob(pattern), key=_built_ns, reverse=True):
        try:
            yield checked(path, bundle, machine, max_batch)
        except BundleError as error:  # noqa: PERF203 (the plans are few)
            yield str(error)


def _built_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # a link to nowhere must not hide the others


def checked(path: Path, bundle: Bundle, machine: Machine, max_batch: int = 1) -> Plan:
    """The plan at `path`, if header, sidecar, bundle and machine agree.

    Raises:
        BundleError: they do not; one line without a remedy, which `find_plan` adds.
    """
    try:
        with path.open("rb") as stream:
            flavour, version = header(stream.read(HEADER_BYTES))
        size = path.stat().st_size
    except OSError as error:
        raise BundleError(f"engine {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise BundleError(f"engine {path}: {error}") from None
    sidecar = read_sidecar(path)
    if fault := _against_sidecar(sidecar, flavour, version, size) or _against_machine(sidecar, bundle, machine):
        raise BundleError(f"engine {path}: {fault}")
    batch = sidecar.batch
    if batch.min > 1 or max_batch > batch.max:
        raise BundleError(f"engine {path}: takes {batch.min} to {batch.max} windows at once, not 1 to {max_batch}")
    return Plan(path, sidecar)


def read_sidecar(plan: Path) -> Sidecar:
    """What was written beside a plan.

    Raises:
        BundleError: missing, or not of this version.
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


def _against_sidecar(sidecar: Sidecar, flavour: Flavour, version: Version, size: int) -> str | None:
    if flavour != sidecar.flavour:
        return f"is a plan of {flavour}, its sidecar is of {sidecar.flavour}"
    if not _same(version, numbers(sidecar.tensorrt)):
        return f"was built with TensorRT {_text(version)}, its sidecar says {sidecar.tensorrt}"
    if size != sidecar.plan_bytes:
        return f"is {size} bytes long, its sidecar says {sidecar.plan_bytes}: a copy that was cut short?"
    return None if sidecar.batch.ordered else "its sidecar has a batch that is not min <= opt <= max"


def _against_machine(sidecar: Sidecar, bundle: Bundle, machine: Machine) -> str | None:
    device, here = machine.device, capability(machine.device.compute_capability)
    entry, due = bundle.manifest.files.get(sidecar.network), ", ".join(sidecar.compute_capabilities)
    faults = {
        f"is of {sidecar.flavour}, not {machine.flavour}": sidecar.flavour != machine.flavour,
        f"was built from bundle {sidecar.bundle_sha256[:12]}, this is {bundle.sha256[:12]}": (
            sidecar.bundle_sha256 != bundle.sha256
        ),
        f"was built from a {sidecar.network} that is not the bundle's": (
            entry is None or entry.sha256 != sidecar.onnx_sha256
        ),
        f"was built with TensorRT {sidecar.tensorrt}, here is {_text(machine.tensorrt)}": (
            not _same(numbers(sidecar.tensorrt), machine.tensorrt)
        ),
        f"was built for {sidecar.gpu}, this is {device.name}": sidecar.gpu not in (None, device.name),
        f"was built for compute capability {due}, {device.name} has {here}": here not in sidecar.compute_capabilities,
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


def numbers(version: str) -> Version:
    """'10.3.0.30' as (10, 3, 0, 30); what follows the numbers ('rc1', '+cuda12') is left off."""
    return tuple(int(part) for part in re.findall(r"(?:^|(?<=\.))\d+", version)[:4])


def _same(one: Version, other: Version) -> bool:
    """As far as both say; the library gives three or four numbers, by version."""
    shared = min(len(one), len(other))
    return shared >= 3 and one[:shared] == other[:shared]


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def slug(text: str) -> str:
    """A GPU's name as part of a file's name."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")[:64] or "gpu"
