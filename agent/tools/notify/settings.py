"""The settings `[[notify]]` of the page: who gets a message, about what, and how."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from drsn.agent.settings.input_section import Section
from drsn.agent.tools.notify.quiet_hours import QuietHours
from drsn.agent.tools.notify.template import PRESETS, checked
from drsn.model.contract import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

ChangeKind = Literal["raised", "cleared", "agent_offline", "not_watched"]

MAX_ENTRIES: Final = 32
"""Entries of `[[notify]]`; each has a thread."""

SCHEMES: Final = {"webhook": ("https", "http"), "email": ("smtps", "smtp")}
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,255}")


def _address(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not an e-mail address such as ana@example.org")
    return text


EmailAddress = Annotated[str, AfterValidator(_address)]


class NotifySection(Section):
    """One receiver of messages: a webhook or e-mail addresses."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$", description="Unique; `escalate_to` and the log use it.")
    kind: Literal["webhook", "email"] = Field(description="How a message goes out.")
    severity: Severity = Field(
        default=Severity.MAJOR, description="Least severity. `agent_offline` and `not_watched` count as `major`."
    )
    conditions: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="Patterns of conditions, with * and ?."
    )
    sensors: tuple[str, ...] = Field(default=("*",), min_length=1, description="Patterns of sensor ids, with * and ?.")
    changes: tuple[ChangeKind, ...] = Field(
        default=("raised", "cleared", "agent_offline"), min_length=1, description="Kinds of change that make a message."
    )
    after_s: float = Field(
        default=60.0, ge=0, le=86_400, description="`agent_offline`, `not_watched`: how long the state must last."
    )
    quiet: QuietHours | None = Field(default=None, description="Quiet hours. none: there are none.")
    repeat_every_s: float | None = Field(
        default=None, ge=60, le=604_800, description="Repeat the message until the alarm is acknowledged. none: once."
    )
    escalate_after_s: float | None = Field(
        default=None, ge=60, le=604_800, description="Not acknowledged for so long: a message to `escalate_to`."
    )
    escalate_to: str | None = Field(default=None, description="Name of another entry.")
    url: str | None = Field(
        default=None, max_length=2000, description="https:// of a webhook; smtps:// or smtp:// of a mail server."
    )
    url_file: Path | None = Field(default=None, description="File with the URL, if the URL itself is a secret.")
    ca_file: Path | None = Field(default=None, description="Certificates that are accepted. none: those of the system.")
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="Longest time for one attempt.")
    token_file: Path | None = Field(default=None, description="`webhook`: file with a bearer token.")
    template: str = Field(
        default="plain", max_length=8000, description="`webhook`: `plain`, `ntfy`, `slack`, `teams`, or JSON text."
    )
    values: dict[str, str] = Field(default_factory=dict, description="`webhook`: more values for the template.")
    sender: EmailAddress | None = Field(default=None, description="`email`: address of the sender.")
    to: tuple[EmailAddress, ...] = Field(default=(), max_length=20, description="`email`: addresses of the receivers.")
    username: str | None = Field(default=None, max_length=200, description="`email`: login at the mail server.")
    password_file: Path | None = Field(default=None, description="`email`: file with the password.")

    @model_validator(mode="after")
    def _complete(self) -> NotifySection:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give url or url_file, and not both")
        if self.url is not None:
            check_url(self.url, self.kind)
        if (self.escalate_after_s is None) != (self.escalate_to is None):
            raise ValueError("escalate_after_s and escalate_to need each other")
        if self.kind == "email" and (self.sender is None or not self.to):
            raise ValueError("an email entry needs sender and to")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file need each other")
        others = {"webhook": ("sender", "to", "username"), "email": ("token_file", "values", "template")}[self.kind]
        if unused := [name for name in others if name in self.model_fields_set]:
            raise ValueError(f"{unused[0]}: an entry of kind {self.kind} has no such setting")
        if self.kind == "webhook":
            checked(PRESETS.get(self.template, self.template), self.values)
        return self


def check_url(url: str, kind: Literal["webhook", "email"]) -> None:
    """Check the URL of an entry.

    Raises:
        ValueError: it is not one for this kind. The message has no part of the URL, which may be a secret.
    """
    schemes = SCHEMES[kind]
    try:
        parts = urlsplit(url)
        right = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"url: it is not {schemes[0]}://host[:port]…, as kind = {kind!r} needs")
    if "@" in parts.netloc:
        raise ValueError("url: it contains credentials; use token_file, or username and password_file")


def check_entries(entries: Sequence[NotifySection]) -> None:
    """Check the entries against each other.

    Raises:
        ValueError: too many, a name occurs twice, or an escalation leads to no other entry.
    """
    names = [entry.name for entry in entries]
    if len(names) > MAX_ENTRIES:
        raise ValueError(f"notify: {len(names)} entries, more than {MAX_ENTRIES}")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"notify: the name {twice!r} occurs twice")
    for entry in entries:
        if entry.escalate_to is not None and (entry.escalate_to == entry.name or entry.escalate_to not in names):
            raise ValueError(f"notify {entry.name}: escalate_to = {entry.escalate_to[:32]!r} is no other entry")
