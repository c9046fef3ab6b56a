from __future__ import annotations

import pytest

from drsn.model.errors import (
    BadDataError,
    BundleError,
    ConfigurationError,
    DrsnError,
    Parser,
    StorageError,
    UnavailableError,
    UsageError,
    printable,
    run_command,
)


def raising(error: BaseException):
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (DrsnError, 1),
        (UsageError, 64),
        (BadDataError, 65),
        (UnavailableError, 69),
        (StorageError, 74),
        (ConfigurationError, 78),
        (BundleError, 78),
    ],
)
def test_an_error_is_one_line_on_stderr_and_its_code(capsys: pytest.CaptureFixture[str], kind: type, code: int):
    error = kind("bundle b: a library's text\n  of three\r\n\tlines; copy it again")
    assert run_command("drsn-x", raising(error)) == code
    assert capsys.readouterr() == ("", "drsn-x: bundle b: a library's text of three lines; copy it again\n")


@pytest.mark.parametrize("verdict", [0, 1])
def test_a_command_that_ends_keeps_its_verdict(capsys: pytest.CaptureFixture[str], verdict: int):
    assert run_command("drsn-x", lambda: verdict) == verdict
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 141)])
def test_being_stopped_is_no_error_of_ours(capsys: pytest.CaptureFixture[str], error: BaseException, code: int):
    assert run_command("drsn-x", raising(error)) == code
    assert capsys.readouterr() == ("", "")


def test_a_bug_is_not_dressed_up_as_a_users_mistake():
    with pytest.raises(ZeroDivisionError):
        run_command("drsn-x", raising(ZeroDivisionError()))


@pytest.mark.parametrize("argv", [["--frobnicate"], [], ["--number", "many"]])
def test_a_wrong_command_line_names_the_help(argv: list[str]):
    parser = Parser(prog="drsn-x")
    parser.add_argument("--number", type=int, required=True)
    with pytest.raises(UsageError, match="; see drsn-x --help"):
        parser.parse_args(argv)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Übung 7 °C", "Übung 7 °C"),
        ("a\nb", r"a\nb"),
        ("\x1b[31m\x9b2J\x7f", r"\x1b[31m\x9b2J\x7f"),
        ("\u202e", r"\u202e"),
        ("\ud800", r"\ud800"),
    ],
)
def test_nothing_that_is_printed_moves_the_cursor(text: str, line: str):
    assert printable(text) == line
