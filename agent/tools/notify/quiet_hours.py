"""Hours in which only severe alarms go out."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from drsn.agent.settings.input_section import Section
from drsn.model.contract import Severity


class QuietHours(Section):
    """When messages wait until the end of the quiet hours."""

    start: time = Field(description="Local time at which they begin, such as `22:00`.")
    end: time = Field(description="Local time at which they end; before `start`: on the next day.")
    time_zone: str = Field(default="UTC", description="Name of the IANA time zone, such as `Europe/Berlin`.")
    let_through: Severity = Field(
        default=Severity.CRITICAL, description="Least severity that goes out in the quiet hours too."
    )

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a path or a folder is an OSError
            raise ValueError(
                f"{name[:80]!r} is not a time zone of this machine; use a name such as Europe/Berlin, or install tzdata"
            ) from None
        return name

    @model_validator(mode="after")
    def _not_empty(self) -> QuietHours:
        if self.start == self.end:
            raise ValueError("start and end are the same time, so that it is unclear when the quiet hours are")
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("start and end have an offset; write the local time only, and set time_zone")
        return self


def is_quiet(quiet: QuietHours | None, severity: Severity, unix_s: float) -> bool:
    """Whether a message of this severity must wait at this time."""
    if quiet is None or severity.rank >= quiet.let_through.rank:
        return False
    now = datetime.fromtimestamp(unix_s, ZoneInfo(quiet.time_zone)).time()
    if quiet.start < quiet.end:
        return quiet.start <= now < quiet.end
    return now >= quiet.start or now < quiet.end
