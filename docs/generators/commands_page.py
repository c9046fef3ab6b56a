"""docs/reference/commands.md: each command and option of the programs, from their parsers, and the exit codes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING
from unittest.mock import patch

from fields import meaning_text, table

from drsn.agent.__main__ import command_parser
from drsn.agent.tools.sparkplug_edge.cli import main as sparkplug_main
from drsn.agent.tools.web.command import main as web_main
from drsn.export.__main__ import main as export_main
from drsn.model import errors
from drsn.model.__main__ import main as train_main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HEADER = """\
# Commands

[`drsn-agent`](#drsn-agent) runs on the device, [`drsn-train`](#drsn-train) trains a network, and
[`drsn-export`](#drsn-export) makes a bundle or an engine of it. [`drsn-sparkplug`](#drsn-sparkplug) connects the
agents to a SCADA host. [`drsn-web`](#drsn-web) serves the page of all agents.
`--help` after any command shows what this page has.

```sh
drsn-agent --version
drsn-agent check --help
```

* Every error is one line on stderr: what, where, remedy. Logs go to stderr too.
* `--json` prints one JSON object on stdout.

"""
# The commands of the programs whose parsers are made when a command runs; "" is the program itself.
OTHERS: dict[str, tuple[Callable[[Sequence[str] | None], int], tuple[str, ...]]] = {
    "drsn-train": (train_main, ("", "look", "evaluate", "baseline")),
    "drsn-export": (export_main, ("", "verify", "inspect")),
    "drsn-sparkplug": (sparkplug_main, ("",)),
    "drsn-web": (web_main, ("",)),
}
# Options of every command that connects to a broker, in one table.
SHARED = tuple(
    f"--{name}"
    for name in [
        "broker",
        "config",
        "protocol",
        "username",
        "password-file",
        "ca-file",
        "cert-file",
        "key-file",
        "insecure",
        "prefix",
    ]
)
EXIT_CODES = """\
## Exit codes

| code | meaning |
| --- | --- |
| 0 | done |
| 1 | the command ran to its end, and its result is negative: a demo with a wrong alarm, a bundle that fails `verify` |
"""


class _Found(Exception):  # noqa: N818 (no error: it carries a parser out of a command)
    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


def commands_page() -> str:
    """The whole page."""
    agent = "\n".join(_command(f"drsn-agent {name}", parser, told) for name, parser, told in _agent_commands())
    parts = [HEADER + "## drsn-agent\n\n" + _shared() + "\n" + agent]
    for program, (main, names) in OTHERS.items():
        commands = (_command(f"{program} {name}".strip(), parser_of(main, name), None) for name in names)
        parts.append(f"## {program}\n\n" + "\n".join(commands))
    return "\n".join([*parts, exit_codes()])


def _agent_commands() -> Iterator[tuple[str, argparse.ArgumentParser, str | None]]:
    for action in command_parser()._actions:  # noqa: SLF001 (argparse has no public way to its commands)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 (likewise)
            told = {choice.dest: choice.help for choice in action._choices_actions}  # noqa: SLF001 (likewise)
            for name, parser in action.choices.items():
                yield name, parser, told.get(name)


def parser_of(main: Callable[[Sequence[str] | None], int], command: str) -> argparse.ArgumentParser:
    """The parser that a program makes for a command: the one that is asked for its help."""

    def found(parser: argparse.ArgumentParser, _file: object = None) -> None:
        raise _Found(parser)

    with patch.object(argparse.ArgumentParser, "print_help", found):
        try:
            main([command, "--help"] if command else ["--help"])
        except _Found as carrier:
            return carrier.parser
    raise AssertionError(f"{command} has no help")


def _command(name: str, parser: argparse.ArgumentParser, told: str | None) -> str:
    actions = [action for action in parser._actions if action.dest not in ("help", "version")]  # noqa: SLF001 (as above)
    about = (parser.description or told or "").strip()
    words = [_positional(action) for action in actions if not action.option_strings]
    usage = " ".join(
        [name, *words, *(_usage(action) for action in actions if action.option_strings and action.required)]
    )
    options = " [options]" if any(action.option_strings and not action.required for action in actions) else ""
    shared = [action for action in actions if action.option_strings and action.option_strings[0] in SHARED]
    if any("page" in (action.help or "") for action in shared):  # a program with settings of its own
        shared = []
    own = [action for action in actions if action not in shared] if len(shared) == len(SHARED) else actions
    body = _table(own) if own else "It takes no arguments."
    if len(shared) == len(SHARED):
        body += "\n\nAlso: [options of the broker](#options-of-the-broker)."
    sentence = about[:1].upper() + about[1:].rstrip(".") + "." if about else ""
    heading = f"### {name}\n\n" if " " in name else ""  # a program's own heading is there already
    return f"{heading}{sentence}\n\n```text\n{usage}{options}\n```\n\n{body}\n"


def _table(actions: list[argparse.Action]) -> str:
    rows = [(f"`{_signature(action)}`", _default(action), _meaning(action)) for action in actions]
    return table(("argument", "default", "meaning"), rows)


def _shared() -> str:
    """The options of the broker, as the command `alarms` has them."""
    (parser,) = (parser for name, parser, _ in _agent_commands() if name == "alarms")
    shared = [action for action in parser._actions if action.option_strings and action.option_strings[0] in SHARED]  # noqa: SLF001 (as above)
    return f"### Options of the broker\n\n{_table(shared)}\n"


def _positional(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest).upper()
    return {"?": f"[{name}]", "+": f"{name}...", "*": f"[{name}...]"}.get(str(action.nargs), name)


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    name = action.metavar or action.dest.upper()
    return f" {name}" + ("..." if action.nargs in ("+", "*") else "")


def _usage(action: argparse.Action) -> str:
    return action.option_strings[0] + _value(action)


def _signature(action: argparse.Action) -> str:
    return ", ".join(action.option_strings) + _value(action) if action.option_strings else _positional(action)


def _default(action: argparse.Action) -> str:
    if action.default in (None, False, (), []) or action.default == argparse.SUPPRESS:
        return ""
    value = action.default
    return f"`{' '.join(map(str, value)) if isinstance(value, (list, tuple)) else value}`"


def _meaning(action: argparse.Action) -> str:
    text = (action.help or "") % {**vars(action), "prog": ""} if "%(" in (action.help or "") else (action.help or "")
    choices = f"one of {', '.join(f'`{choice}`' for choice in action.choices)}" if action.choices else ""
    return meaning_text("; ".join(filter(None, (choices, text))))


def exit_codes() -> str:
    """The table of exit codes, from the classes of the errors."""
    kinds = {kind.exit_code: kind for kind in reversed(vars(errors).values()) if _is_error(kind)}
    lines = [f"| {code} | {_first(kind)} |" for code, kind in sorted(kinds.items()) if code > 1]
    return EXIT_CODES + "\n".join(lines) + "\n\nThis page is generated from the parsers of the programs.\n"


def _is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, errors.DrsnError)


def _first(kind: type) -> str:
    text = (kind.__doc__ or "").partition("\n")[0].rstrip(".")
    return text[:1].lower() + text[1:]
