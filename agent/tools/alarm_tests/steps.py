"""The steps of a case: what happens to an agent and its sensors, one after the other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from drsn.agent.mqtt.sensor_id import SENSOR_ID
from drsn.agent.rpc.verbs import CORE_VERBS
from drsn.agent.schema.documents import REQUEST_ID
from drsn.agent.settings.alarm_sections import FaultName
from drsn.model.contract import Frozen
from drsn.model.noise import Noise

MOST_S = 1e6
MOST_WINDOWS = 1_000_000
SensorId = Annotated[str, Field(pattern=f"^{SENSOR_ID.pattern}$")]


class Step(Frozen):
    """Fields of every step."""

    sensor: SensorId | None = Field(default=None, description="default: the case's sensor")
    expect_alarm: dict[str, Any] | None = Field(default=None, description="fields of the retained alarm after the step")


class ScriptedWindows(Step):
    """Successive windows of one sensor, with the results of the model and of the sensor's own checks."""

    say: str | None = Field(default=None, description="such as `normal x8, ball_014 x6, unknown, flat x4, gap, normal`")
    label: str | None = Field(default=None, description="a label of the model; `windows` or `for_s` give the number")
    abstains: bool = Field(default=False, description="the model abstains")
    fault: FaultName | None = Field(default=None, description="a sensor fault")
    gap: bool = Field(default=False, description="samples were lost before the first window")
    windows: int | None = Field(
        default=None, ge=1, le=MOST_WINDOWS, description="number, with `label`, `fault` or `abstains`"
    )
    for_s: float | None = Field(default=None, gt=0, le=MOST_S, description="the same as a time; whole windows")
    confidence: float = Field(default=0.99, gt=0, le=1, description="P(label)")
    second: str | None = Field(default=None, description="gets the rest of P; default: normal, or all faults evenly")
    novelty: float | None = Field(default=None, description="default: -inf, or inf if the model abstains")
    rms: float = Field(default=1.0, ge=0, allow_inf_nan=False, description="for the gate, in the sensor's unit")
    rpm: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="for the gate; default: none")

    @model_validator(mode="after")
    def _one_way(self) -> ScriptedWindows:
        if self.say is not None:
            if self.label or self.abstains or self.fault or self.windows or self.for_s or self.novelty is not None:
                raise ValueError("say gives labels and counts; leave label, abstains, fault, novelty and counts out")
        elif (self.windows is None) is (self.for_s is None):
            raise ValueError("say how many: windows, or for_s")
        return self


class Pause(Step):
    """No sensor sends anything."""

    nothing_s: float = Field(gt=0, le=MOST_S, description="no sensor sends anything")


class Disconnected(Step):
    """The agent has no connection to the broker, so no packet arrives."""

    disconnected_s: float = Field(gt=0, le=MOST_S, description="the agent has no connection to the broker")


class Restart(Step):
    """The agent stops and starts again with its stored state."""

    restart: Literal[True] = Field(description="the agent stops and starts again with its stored state")
    down_s: float = Field(default=0.0, ge=0, le=MOST_S, description="time until it runs again")
    clock_s: float = Field(default=0.0, ge=-1e8, le=1e8, description="its wall clock is set meanwhile, by so much")


class ClockStep(Step):
    """The agent's wall clock is set; the monotonic clock and the sensors' clocks stay right."""

    clock_s: float = Field(ge=-1e8, le=1e8, description="the agent's wall clock is set forward, or back if below 0")


class Command(Step):
    """A command, as over MQTT."""

    command: str = Field(pattern="^[a-z_]{1,32}$", description=f"a verb: {', '.join(CORE_VERBS)}")
    condition: str | None = Field(default=None, description="default: all, where the verb allows it")
    by: str = Field(default="operator", description="who gives it")
    comment: str | None = Field(default=None, description="kept with the event")
    for_s: float | None = Field(default=None, description="duration of `shelve` and `false_alarm`")
    event: int | Literal["none"] | None = Field(
        default=None,
        description='`seq` of the event, or "none"; default: for `ack` and `false_alarm` the condition\'s last',
    )
    from_seq: int = Field(default=1, description="of `events`")
    request_id: str | None = Field(default=None, pattern=f"^{REQUEST_ID.pattern}$", description="default: a new one")
    expires_in_s: float | None = Field(default=None, description="below 0: the command has expired")
    retained: bool = Field(default=False, description="a retained message")
    expect_refused: str | None = Field(default=None, min_length=3, description="text of the reason")


class PlayRecording(Step):
    """A recording, through packets, windows and the bundle's network."""

    recording: str = Field(description="a path from the case file's folder: any format of docs/reference/files.md")
    sample_rate_hz: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="of files without one")
    channels: tuple[int | str, ...] = Field(default=(), description="numbers or names of channels; default: all")
    variable: str | None = Field(default=None, description="array of a file with several, such as X*_DE_time")
    from_s: float = Field(default=0.0, ge=0, description="start in the recording")
    for_s: float | None = Field(default=None, gt=0, description="length; default: to its end")
    snr_db: float | None = Field(default=None, ge=-60, le=120, description="noise that is added to each packet")
    noise: Noise = Field(default=Noise.GAUSSIAN, description="gaussian, laplacian, pink or impulsive")
    seed: int = Field(default=0, ge=0, description="of the noise")
    rpm: float | None = Field(default=None, ge=0, allow_inf_nan=False, description="default: the file's")


STEP_KINDS: dict[str, type[Step]] = {
    "say": ScriptedWindows,
    "label": ScriptedWindows,
    "abstains": ScriptedWindows,
    "fault": ScriptedWindows,
    "nothing_s": Pause,
    "disconnected_s": Disconnected,
    "restart": Restart,
    "clock_s": ClockStep,
    "command": Command,
    "recording": PlayRecording,
}
"""Key -> kind of the step; the first of these keys that a step has decides."""
