"""The only importer of TensorRT (10.3 to 11) and TensorRT-RTX: the module, its version, its logger.

All other code receives the loaded `TensorRt` and uses `hasattr` where versions differ. A test compares each name that
the sources use with the API of every supported version.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.agent.backends.tensorrt.version import parse_version, version_text
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from types import ModuleType

    from drsn.agent.backends.tensorrt.flavour import Flavour
    from drsn.agent.backends.tensorrt.version import Version

KEPT_ERRORS = 16
ERROR = 1
"""ILogger.ERROR as a number, the same in every version; 0 is INTERNAL_ERROR, 2 WARNING."""


@dataclass(frozen=True)
class HostFiles:
    """Where this machine shows what is installed and loaded."""

    tegra_release: Path = Path("/etc/nv_tegra_release")
    """A Jetson has it."""
    system_packages: Path = Path("/usr/lib")
    """Where apt puts Python packages, below `python3*/dist-packages`."""
    maps: Path = Path("/proc/self/maps")
    """The shared libraries of this process."""


HOST = HostFiles()


@dataclass(frozen=True)
class TensorRt:
    """A loaded TensorRT or TensorRT-RTX."""

    module: Any
    flavour: Flavour
    version: Version
    """Three or four numbers."""
    library_path: str | None
    """The shared library that the loader chose, which can differ from the intended one."""
    logger: Any = field(repr=False)
    """An ILogger. TensorRT keeps the first logger for the whole process, so there is only one."""
    errors: deque[str] = field(repr=False)
    """Messages that it logged as errors, the latest last; at most 16."""

    @property
    def text(self) -> str:
        """The version, as '10.3.0'."""
        return version_text(self.version)

    @property
    def title(self) -> str:
        """Name and version, as 'TensorRT 10.3.0'."""
        return f"{FLAVOURS[self.flavour].title} {self.text}"

    def take_errors(self) -> str:
        """Return the errors since the last call as one line, the oldest first, and clear them."""
        text = "; ".join(self.errors)
        self.errors.clear()
        return " ".join(text.split())[:600] or "no reason given"


@functools.cache
def load(flavour: Flavour, host: HostFiles = HOST) -> TensorRt:
    """Import TensorRT without a call of it. Probe CUDA before Builder or Runtime: without a driver they may crash.

    Raises:
        UnavailableError: it is not installed, can't be loaded, or is too old; one line with the remedy.
    """
    try:
        module = importlib.import_module(FLAVOURS[flavour].module)
    except Exception as error:  # noqa: BLE001 (OSError: a library that it opens; AttributeError: a numpy that is too new)
        raise UnavailableError(_load_failure(flavour, error, host)) from None
    version = parse_version(str(getattr(module, "__version__", "")))
    if version < FLAVOURS[flavour].oldest:
        raise UnavailableError(_too_old(flavour, version, str(module.__file__), host))
    errors: deque[str] = deque(maxlen=KEPT_ERRORS)
    return TensorRt(module, flavour, version, loaded_library(flavour, host), _logger(module, errors), errors)


def loaded_library(flavour: Flavour, host: HostFiles = HOST) -> str | None:
    """Return the path of the TensorRT library in this process; None: not loaded, or the system gives no maps."""
    try:
        lines = host.maps.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    paths = (line.split(maxsplit=5)[-1] for line in lines)
    return next((path for path in paths if Path(path).name.startswith(FLAVOURS[flavour].library)), None)


def _logger(module: ModuleType, errors: deque[str]) -> Any:  # noqa: ANN401 (the class exists only after the import)
    class Logger(module.ILogger):  # type: ignore[name-defined, misc]
        """Collects errors. It must not raise, because C++ calls it."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)  # not super(): the binding requires its own constructor

        def log(self, severity: object, msg: str) -> None:
            if int(severity) <= ERROR:  # type: ignore[call-overload]
                errors.append(re.sub(r"^\[[^\]]*\]\s*", "", str(msg)))

    return Logger()


def _too_old(flavour: Flavour, version: Version, file: str, host: HostFiles) -> str:
    names = FLAVOURS[flavour]
    here = version_text(version) or "of unknown version"
    if flavour == "tensorrt-rtx":
        since, update = "", "pip install --upgrade 'drsn-edge[rtx]'"
    elif host.tegra_release.exists():
        since, update = " (JetPack 6.1)", "update JetPack to 6.1 or later"
    else:
        since, update = " (JetPack 6.1)", "pip install --upgrade 'drsn-edge[trt]' on x86-64, or update JetPack"
    return (
        f"{names.title} {here} ({file}) is older than {version_text(names.oldest)}{since}; {update}; "
        "until then the network runs on ONNX Runtime: agent.backend = 'auto' or 'onnxruntime'"
    )


def _load_failure(flavour: Flavour, error: Exception, host: HostFiles) -> str:
    name, library = FLAVOURS[flavour].module, loaded_library(flavour, host)
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    missing = isinstance(error, ModuleNotFoundError) and error.name == name
    what = f"Python has no {name}" if missing else f"{name} is installed but cannot be loaded: {text}"
    loaded = f" (loaded: {library})" if library and not missing else ""
    return f"{what}{loaded}; {_remedy(flavour, host, missing=missing)}"


def _remedy(flavour: Flavour, host: HostFiles, *, missing: bool) -> str:
    """Return what to install, and how, on this machine."""
    if flavour == "tensorrt-rtx":
        again = "" if missing else "install it again: "
        return f"{again}pip install 'drsn-edge[rtx]' on x86-64"
    hidden = _hidden_by_venv(host.system_packages)
    if missing and hidden is not None:
        return (
            f"{hidden} has it, but this venv ({sys.prefix}) can't see it: make it again with "
            f"python3 -m venv --system-site-packages --clear {sys.prefix}"
        )
    if host.tegra_release.exists():
        venv = "use the system's Python or a venv made with --system-site-packages; never pip install tensorrt here"
        return f"on a Jetson: sudo apt-get install python3-libnvinfer, and {venv}"
    return "on x86-64: pip install 'drsn-edge[trt]'; on a Jetson: sudo apt-get install python3-libnvinfer"


def jetson_linux(release: Path = HOST.tegra_release) -> str | None:
    """Return the version of Jetson Linux (L4T) as '36.4.3'; None: no Jetson, or a file of another form."""
    try:
        text = release.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.match(r"# R(\d+) \(release\), REVISION: ([\d.]+)", text)
    return None if found is None else f"{found[1]}.{found[2]}"


def _hidden_by_venv(system_packages: Path) -> Path | None:
    """Return the folder of the system's TensorRT for this Python, if a venv hides it."""
    try:
        settings = (Path(sys.prefix) / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None  # no venv
    if not re.search(r"include-system-site-packages\s*=\s*false", settings, re.IGNORECASE):
        return None
    # Debian's packages are in python3, for every minor version; local builds are in python3.X.
    folders = ("python3", f"python3.{sys.version_info.minor}")
    found = (system_packages / folder / "dist-packages" / "tensorrt" for folder in folders)
    return next((path for path in found if path.is_dir()), None)
