"""Errors that end a command: one line that says what, where and the remedy, and an exit code (docs/reference/mqtt.md).

Shared by the three commands, so it lies at the bottom of the import order.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from drsn.model.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

EXIT_OK = 0
EXIT_NEGATIVE = 1
"""The command ran to its end and its verdict is no: a demo without its alarms, a bundle that fails parity."""


def printable(text: str) -> str:
    r"""Text made safe for one line of a terminal: control characters are escaped, as `\x1b`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def excerpt(error: Exception) -> str:
    """A library's error text cut to 200 characters on one line: zipfile quotes kilobytes of the file."""
    return printable(str(error)[:200])


class DrsnError(Exception):
    """An error that the user can fix. Its text is one line: what, where, remedy."""

    exit_code: ClassVar[int] = EXIT_NEGATIVE


class UsageError(DrsnError):
    """The command line is wrong (EX_USAGE)."""

    exit_code = 64


class BadDataError(DrsnError):
    """The data given to a command can't be used (EX_DATAERR)."""

    exit_code = 65


class UnavailableError(DrsnError):
    """A broker, device or library that the command needs is not there (EX_UNAVAILABLE)."""

    exit_code = 69


class StorageError(DrsnError):
    """Reading or writing failed (EX_IOERR)."""

    exit_code = 74


class ConfigurationError(DrsnError):
    """The configuration is wrong; starting again won't help (EX_CONFIG)."""

    exit_code = 78


class BundleError(ConfigurationError):
    """The bundle is incomplete, altered or inconsistent."""


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises UsageError, whose exit code is 64, and names the nearest word that it has."""

    def parse_known_args(  # type: ignore[override] # typeshed types the namespace as a variable; None is what we pass
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and refuse what is not known here: a command's own parser knows its options.

        Raises:
            UsageError: an argument is not known.
        """
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            word = next((each.partition("=")[0] for each in unknown if each.startswith("-")), "")
            near = did_you_mean(word, self._option_string_actions) if word else ""
            self.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 (as argparse has it)
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            known = [str(choice) for choice in action.choices or ()]
            raise argparse.ArgumentError(action, f"{error.message}{did_you_mean(str(value), known)}") from None

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving with 2.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message}; see {self.prog} --help")


def run_command(name: str, command: Callable[[], int]) -> int:
    """Run a command's body and turn its `DrsnError` into one line on stderr and the exit code."""
    try:
        return command()
    except DrsnError as error:
        print(f"{name}: {printable(' '.join(str(error).split()))}", file=sys.stderr)  # noqa: T201 (this is the one place)
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, what shells expect
    except BrokenPipeError:
        return 141  # 128 + SIGPIPE: the reader of our output went away
