"""The steps of a case: what happens to an agent and its sensors, one thing after the other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from drsn.agent.mqtt.topics import SENSOR_ID
from drsn.agent.rpc.verbs import CORE_VERBS
from drsn.agent.schema.documents import REQUEST_ID
from drsn.agent.settings.sections import FaultName
from drsn.model.contract import Frozen
from drsn.model.noise import Noise

MOST_S = 1e6
MOST_WINDOWS = 1_000_000
SensorId = Annotated[str, Field(pattern=f"^{SENSOR_ID.pattern}$")]


class Step(Frozen):
    """What every step may say."""

    sensor: SensorId | None = Field(default=None, description="none: the case's")
    expect_alarm: dict[str, Any] | None = Field(default=None, description="of the retained alarm after the step")


class Windows(Step):
    """Windows of one sensor, one after the other, as the model and the sensor's own checks found them."""

    say: str | None = Field(default=None, description="such as `normal x8, ball_014 x6, unknown, flat x4, gap, normal`")
    label: str | None = Field(default=None, description="one of the model's; `windows` or `for_s` say how many")
    abstains: bool = Field(default=False, description="the model knows none of it")
    fault: FaultName | None = Field(default=None, description="of the sensor")
    gap: bool = Field(default=False, description="samples were lost before the first")
    windows: int | None = Field(default=None, ge=1, le=MOST_WINDOWS, description="how many, with `label` and so on")
    for_s: float | None = Field(default=None, gt=0, le=MOST_S, description="the same as time; whole windows")
    confidence: float = Field(default=0.99, gt=0, le=1, description="P(label)")
    second: str | None = Field(default=None, description="label that gets the rest; none: normal, or evenly the faults")
    novelty: float | None = Field(default=None, description="none: well known, or as strange as can be if it abstains")
    rms: float = Field(default=1.0, ge=0, allow_inf_nan=False, description="for the gate, in the sensor's unit")
    rpm: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="for the gate; none: unsaid")

    @model_validator(mode="after")
    def _one_way(self) -> Windows:
        if self.say is not None:
            if self.label or self.abstains or self.fault or self.windows or self.for_s or self.novelty is not None:
                raise ValueError("say gives labels and counts; leave label, abstains, fault, novelty and counts out")
        elif (self.windows is None) is (self.for_s is None):
            raise ValueError("say how many: windows, or for_s")
        return self


class Nothing(Step):
    """No sensor sends a thing."""

    nothing_s: float = Field(gt=0, le=MOST_S, description="no sensor sends a thing")


class Disconnected(Step):
    """The agent has no broker, so that nothing comes."""

    disconnected_s: float = Field(gt=0, le=MOST_S, description="the agent has no broker")


class Restart(Step):
    """The agent ends and starts again with what it has stored."""

    restart: Literal[True] = Field(description="the agent ends, and starts with what it has stored")
    down_s: float = Field(default=0.0, ge=0, le=MOST_S, description="until it runs again")
    clock_s: float = Field(default=0.0, ge=-1e8, le=1e8, description="its wall clock is set meanwhile")


class ClockStep(Step):
    """The agent's wall clock is set; time goes on, and the sensors' clocks stay right."""

    clock_s: float = Field(ge=-1e8, le=1e8, description="the agent's wall clock is set forward, or back if below 0")


class Command(Step):
    """Somebody commands the agent, as over MQTT."""

    command: str = Field(pattern="^[a-z_]{1,32}$", description=f"a verb: {', '.join(CORE_VERBS)}")
    condition: str | None = Field(default=None, description="none: all, where the verb allows it")
    by: str = Field(default="operator", description="who")
    comment: str | None = Field(default=None, description="kept with the event")
    for_s: float | None = Field(default=None, description="of shelve")
    event: int | Literal["none"] | None = Field(
        default=None, description="`seq` of the event that was seen; none: of an ack, the condition's last"
    )
    from_seq: int = Field(default=1, description="of events")
    request_id: str | None = Field(default=None, pattern=f"^{REQUEST_ID.pattern}$", description="none: a new one")
    expires_in_s: float | None = Field(default=None, description="below 0: it has expired")
    retained: bool = Field(default=False, description="as the broker would keep it")
    expect_refused: str | None = Field(default=None, min_length=3, description="part of the reason")


class Recorded(Step):
    """A recording, through packets, windows and the bundle's network."""

    recording: str = Field(description="a file, from the case file's folder: .wav, .npy, .npz, .csv, .txt, .mat")
    sample_rate_hz: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="where the file is mute")
    channels: tuple[int | str, ...] = Field(default=(), description="to take of it, by number or name; none: all")
    from_s: float = Field(default=0.0, ge=0, description="where to begin")
    for_s: float | None = Field(default=None, gt=0, description="how much of it; none: to its end")
    snr_db: float | None = Field(default=None, ge=-60, le=120, description="noise laid over each packet")
    noise: Noise = Field(default=Noise.GAUSSIAN, description="gaussian, laplacian, pink or impulsive")
    seed: int = Field(default=0, ge=0, description="of the noise")
    rpm: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="none: as the file says")


KINDS: dict[str, type[Step]] = {
    "say": Windows,
    "label": Windows,
    "abstains": Windows,
    "fault": Windows,
    "nothing_s": Nothing,
    "disconnected_s": Disconnected,
    "restart": Restart,
    "clock_s": ClockStep,
    "command": Command,
    "recording": Recorded,
}
"""The key that says what a step is; the first that it has."""
