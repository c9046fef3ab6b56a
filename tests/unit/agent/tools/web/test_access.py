from __future__ import annotations

import pytest

from drsn.agent.tools.web.access import HEADERS, host_allowed, same_origin, split_host, token_fits

ALLOWED = frozenset({"plant.example", "gate.example:8443"})


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost:8088", True),
        ("LOCALHOST", True),
        ("127.0.0.1:8088", True),
        ("[::1]:8088", True),
        ("192.168.4.7:8088", True),
        ("plant.example", True),
        ("Plant.Example:443", True),
        ("gate.example:8443", True),
        ("gate.example:80", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("evil.example#localhost", False),
        ("localhost@evil.example", False),
        ("plant.example:99999", False),
        ("", False),
        ("plänt.example", False),
    ],
)
def test_only_our_names_and_addresses_are_hosts(host: str, allowed: bool):  # noqa: FBT001 (a table)
    assert host_allowed(host, ALLOWED) is allowed


def test_a_host_has_a_name_and_a_port():
    assert split_host("[::1]:8088") == ("::1", "8088")
    assert split_host("a/b") == ("", "")


@pytest.mark.parametrize(
    ("origin", "same"),
    [
        ("http://plant.example:8088", True),
        ("https://plant.example:8088", True),
        ("http://plant.example", False),
        ("http://evil.example:8088", False),
        ("null", False),
        ("file://plant.example:8088", False),
        (None, False),
    ],
)
def test_a_command_comes_from_the_page_itself(origin: str | None, same: bool):  # noqa: FBT001 (a table)
    assert same_origin(origin, "plant.example:8088") is same


def test_the_token_is_compared_whole():
    assert token_fits(None, None)
    assert token_fits("0123456789abcdef", "0123456789abcdef")
    assert not token_fits("0123456789abcde", "0123456789abcdef")
    assert not token_fits(None, "0123456789abcdef")
    assert not token_fits("ä", "0123456789abcdef")


def test_the_policy_allows_no_inline_script_and_no_other_host():
    policy = HEADERS[b"content-security-policy"].decode()
    assert "unsafe" not in policy
    assert "http" not in policy
    assert policy.startswith("default-src 'none'")
