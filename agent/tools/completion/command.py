"""`drsn-agent completion`: prints the script that shtab makes of a command's own parser."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drsn.model.errors import EXIT_OK, Parser, UnavailableError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

PARSERS: Final = {
    "drsn-agent": {"": "drsn.agent.__main__:command_parser"},
    "drsn-export": {
        "": "drsn.export.__main__:export_parser",
        "verify": "drsn.export.verify_command:verify_parser",
        "inspect": "drsn.export.__main__:inspect_parser",
    },
    "drsn-train": {
        "": "drsn.model.train_command:_parser",
        "evaluate": "drsn.model.evaluate_command:_parser",
        "look": "drsn.model.look_command:_parser",
        "baseline": "drsn.agent.tools.baseline.cli:_parser",
    },
}
"""Program -> its first word -> what makes the parser; the empty word: the program without one. They are resolved by
name: the agent imports neither export nor training."""


def completion(arguments: argparse.Namespace) -> int:
    """Print the script.

    Raises:
        UnavailableError: shtab is not installed.
    """
    try:
        import shtab  # noqa: PLC0415 (an extra, and only this command needs it)
    except ModuleNotFoundError:
        raise UnavailableError("completion needs shtab: pip install 'drsn-edge[completion]'") from None
    parser = parser_of(arguments.program)
    for action in _actions(parser):
        if action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # the attribute that shtab reads
    script: str = shtab.complete(parser, arguments.shell)
    # A first word of drsn-train may be a file, which shtab offers only where no commands are.
    print(script.replace("complete -o filenames", "complete -o default -o filenames"))
    return EXIT_OK


def parser_of(program: str) -> Parser:
    """Return one parser of a program, with the commands that the program itself tells by their first word."""
    by_word = {word: pkgutil.resolve_name(name)() for word, name in PARSERS[program].items()}
    first: Parser = by_word.pop("")
    if not by_word:
        return first
    whole = Parser(prog=program, add_help=False)
    for action in first._actions:  # noqa: SLF001 (argparse has no other way to copy them)
        if action.option_strings:
            whole._add_action(action)  # noqa: SLF001 (as above)
    subparsers = whole.add_subparsers(metavar="COMMAND")
    for word, parser in by_word.items():
        subparsers.add_parser(word, parents=[parser], add_help=False, help=parser.description)
    return whole


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # noqa: SLF001 (as above)
        yield action
        if isinstance(action.choices, dict):
            for sub in action.choices.values():
                yield from _actions(sub)
