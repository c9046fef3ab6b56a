"""Everything that a TensorRT engine depends on: Jetson, driver, TensorRT, the engine; and the resulting backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.cuda import NoDevice
from drsn.agent.backends.tensorrt.engine_search import NoEngine, Platform, find_engine
from drsn.agent.service.bootstrap import opened_model
from drsn.agent.tools.doctor.finding import Finding, misconfigured, of_error, ok, unavailable, unneeded
from drsn.model.errors import BundleError, ConfigurationError, DrsnError, UnavailableError

if TYPE_CHECKING:
    from drsn.agent.tools.doctor.subject import Subject

JETPACKS = {32: "4", 35: "5", 36: "6", 38: "7.0 or 7.1", 39: "7.2 or later"}
"""Major version of Jetson Linux (L4T) -> JetPack."""

LEAST_L4T = 36
NOT_NEEDED = "not needed: no engine is configured, the agent runs on ONNX Runtime"


def jetpack(subject: Subject) -> Finding:
    """Check the version of JetPack, if this is a Jetson."""
    release = subject.tegra_release
    if not release.exists():
        return unneeded("not a Jetson")
    l4t = trt_compat.jetson_linux(release)
    if l4t is None:
        return misconfigured(f"{release} has no Jetson Linux version", "flash the Jetson with JetPack 6 or 7")
    major = int(l4t.partition(".")[0])
    if major < LEAST_L4T:
        return misconfigured(
            f"Jetson Linux {l4t}, JetPack {JETPACKS.get(major, 'older than 5')}: its Python and TensorRT are too old",
            "flash JetPack 6 or 7; on a Xavier, which has neither, install Python 3.10 and use ONNX Runtime",
        )
    return ok(f"Jetson Linux {l4t}, JetPack {JETPACKS.get(major, 'newer than 7')}")


def driver(subject: Subject) -> Finding:
    """Check the CUDA driver and its GPU."""
    device = subject.device
    if not isinstance(device, NoDevice):
        capability = ".".join(map(str, device.compute_capability))
        cuda = ".".join(map(str, device.cuda))
        return ok(f"{device.name}, compute capability {capability}, driver for CUDA up to {cuda}")
    if not subject.flavours:
        return unneeded(f"{device.reason}; {NOT_NEEDED}")
    if device.has_driver:
        remedy = "check that this user (groups video and render), this container and this service may use the GPU"
    elif subject.tegra_release.exists():
        remedy = "sudo apt-get install nvidia-jetpack; in a container: run it with --runtime nvidia"
    else:
        remedy = "install NVIDIA's driver, or set agent.backend = 'onnxruntime'"
    return unavailable(device.reason, remedy)


def library(subject: Subject) -> Finding:
    """Check TensorRT: its version, and the library that was loaded."""
    if not subject.flavours and isinstance(subject.device, NoDevice):
        return unneeded(NOT_NEEDED)
    found = subject.tensorrt
    if not isinstance(found, UnavailableError):
        return ok(f"{found.title}, {found.library_path or 'library unknown'}")
    return of_error(found) if subject.flavours else unneeded(f"{found}; {NOT_NEEDED}")


def engine(subject: Subject) -> Finding:
    """Check that an engine file fits. Nothing of TensorRT is called."""
    bundle = subject.bundle
    if isinstance(bundle, BundleError):
        return unneeded("not tested: the bundle cannot be used")
    if not subject.flavours:
        return unneeded(NOT_NEEDED)
    device, found = subject.device, subject.tensorrt
    if isinstance(device, NoDevice) or isinstance(found, UnavailableError):
        return unneeded("not tested: there is no GPU or no TensorRT")
    # Only for the first choice; if the agent falls back on the second, the check `backend` shows it.
    platform = Platform(found.flavour, found.version, device)
    fits = find_engine(subject.wish.engines_of(bundle), bundle, platform, subject.wish.max_batch)
    if isinstance(fits, NoEngine):
        return of_error(ConfigurationError(fits.reason))
    sidecar = fits.sidecar
    return ok(f"{fits.path}, {sidecar.precision}, up to {sidecar.batch.max} windows at once, fits")


def backend(subject: Subject) -> Finding:
    """Check the backend that the agent would use, with its self-test."""
    if isinstance(subject.bundle, BundleError):
        return unneeded("not tested: the bundle cannot be used")
    try:
        with opened_model(subject.configuration) as (_, chosen):
            if chosen.reasons:
                return of_error(ConfigurationError(f"runs on {chosen.backend.name}, degraded: {chosen.reasons[0]}"))
            what = "" if chosen.engine is None else f" with {chosen.engine}"
            return ok(f"runs on {chosen.backend.name}{what}; its self-test passed")
    except DrsnError as error:
        return of_error(error, "correct the setting that the message names")
