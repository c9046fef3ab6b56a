"""A network of the agent's own, joined to ours by one cable that can be pulled."""

from __future__ import annotations

import os
import subprocess

import pytest
from servers import require


class Cable:
    """A network namespace and a pair of veth, until `close`."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("only root may make a network")
        require("ip")
        self._name = f"drsn{os.getpid()}"  # an interface's name has fifteen characters at most
        self.host = f"10.213.{os.getpid() % 256}.1"
        """Our end; the agent's broker is to be here."""
        self.inside = ("ip", "netns", "exec", self._name)
        """Before a command that is to run at the other end."""
        _ip("netns", "add", self._name)
        _ip("link", "add", f"{self._name}a", "type", "veth", "peer", f"{self._name}b", "netns", self._name)
        _ip("address", "add", f"{self.host}/30", "dev", f"{self._name}a")
        _ip("-n", self._name, "address", "add", f"{self.host[:-1]}2/30", "dev", f"{self._name}b")
        for end in (f"{self._name}b", "lo"):  # paho wakes itself up by 127.0.0.1
            _ip("-n", self._name, "link", "set", end, "up")
        self.plug()

    def pull(self) -> None:
        """From now on nothing goes through, either way, and nobody is told."""
        _ip("link", "set", f"{self._name}a", "down")

    def plug(self) -> None:
        _ip("link", "set", f"{self._name}a", "up")

    def close(self) -> None:
        """The interfaces go with the last process that is in the network; ours goes now."""
        _ip("link", "delete", f"{self._name}a")
        _ip("netns", "delete", self._name)


def _ip(*arguments: str) -> None:
    path = f"{os.environ['PATH']}:/usr/sbin"
    subprocess.run(["ip", *arguments], check=True, timeout=20, env={**os.environ, "PATH": path})
