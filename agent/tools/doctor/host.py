"""What the agent needs besides broker and GPU: configuration, bundle, state directory, clock."""

from __future__ import annotations

import fcntl
import getpass
import os
from typing import TYPE_CHECKING

from drsn.agent.acquisition.clock_sync import ask_kernel
from drsn.agent.tools.doctor.finding import Finding, misconfigured, of_error, ok, unavailable
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.tools.doctor.subject import Subject

LEAST_FREE_BYTES = 256 << 20
"""The journal takes 100 MB, and SQLite's write-ahead log as much again."""


def configuration(subject: Subject) -> Finding:
    """Return the warnings of the configuration; it is already loaded."""
    warnings = subject.configuration.warnings
    return ok("; ".join(warnings) if warnings else f"sha256 {subject.configuration.sha256[:12]}")


def bundle(subject: Subject) -> Finding:
    """Check that the bundle is complete; return its name and version."""
    found = subject.bundle
    if isinstance(found, BundleError):
        return of_error(found, "set agent.bundle to an existing bundle")
    return ok(f"{found.manifest.name} {found.manifest.version} ({found.sha256[:12]})")


def state(subject: Subject) -> Finding:
    """Check the state directory: writable, with free space; return whether an agent uses it."""
    path = subject.configuration.settings.agent.state_dir
    there = next((place for place in (path, *path.absolute().parents) if place.exists()), path)
    if not there.is_dir():
        return misconfigured(f"{there} is not a directory", "set agent.state_dir to a directory")
    if not os.access(there, os.W_OK | os.X_OK):
        return misconfigured(
            f"{getpass.getuser()} may not write to {there}",
            f"run doctor as the user of the service (sudo -u drsn …), or: sudo chown drsn {there}",
        )
    free = os.statvfs(there).f_bavail * os.statvfs(there).f_frsize
    if free < LEAST_FREE_BYTES:
        return unavailable(
            f"{there}: {free >> 20} MiB left", f"free space: the journal needs {LEAST_FREE_BYTES >> 20} MiB"
        )
    return ok(f"{path}, {free >> 20} MiB free, {_use(path / 'lock')}" if path.exists() else f"{path} will be created")


def _use(path: Path) -> str:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "an agent uses it"
    except FileNotFoundError:
        return "no agent uses it"
    except OSError as error:  # the lock of another user
        return f"it is unknown whether an agent uses it ({error.strerror})"
    return "no agent uses it"


def clock(subject: Subject) -> Finding:
    """Check that the clock is synchronised: alarms, certificates and shelving depend on it. Documents ask the same."""
    found = ask_kernel(subject.libc)
    if found.synchronised is None:
        return unavailable("the kernel does not report whether the clock is synchronised", "look at timedatectl")
    if not found.synchronised:
        return unavailable(
            "the clock is not synchronised",
            "sudo timedatectl set-ntp true, and check that this machine can reach a time server",
        )
    return ok(f"synchronised, off by {found.max_error_us / 1e3:.0f} ms at most")
