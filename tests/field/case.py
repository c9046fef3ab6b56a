"""One case of the field: what a source publishes, the input of the configuration, and what must come of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from field.signals import axes

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.acquisition.intake import Intake
from drsn.agent.mqtt.message import Message
from drsn.agent.settings.inputs import check_inputs, inputs_of
from drsn.agent.settings.sections import Settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drsn.agent.acquisition.notice import Notice
    from drsn.agent.acquisition.sensor_stream import Window
    from drsn.model.contract import ModelContract

Publication = tuple[str, bytes]


@dataclass(frozen=True)
class Case:
    """A source, and what must come of it."""

    name: str
    folder: str
    """Of shared/field, or the issue where no folder has it."""
    inputs: str
    """TOML: the body of `[[inputs]]`, or whole tables."""
    publish: Callable[[], Sequence[Publication]]
    read: Mapping[str, int] | None = None
    """Sensor -> the axis that it must have, to one part in a thousand of its range; None: refused."""
    words: str = ""
    """What the refusal must contain."""


@dataclass
class Outcome:
    """What came of the messages of a case."""

    windows: dict[str, list[np.ndarray]]
    refused: list[str]
    notices: list[Notice]
    t0_unix_ns: list[int | None]


def settings_of(inputs: str) -> Settings:
    """Settings with these inputs."""
    text = inputs if "[[" in inputs else "[[inputs]]\n" + inputs
    agent = {"id": "field", "bundle": "shipped:synthetic", "state_dir": "state"}
    return Settings(agent=agent, **tomllib.loads(text))


def run(case: Case, contract: ModelContract) -> Outcome:
    """Publish a case to an intake."""
    settings = settings_of(case.inputs)
    check_inputs(settings, contract)
    intake = Intake(contract, inputs_of(settings, contract), 100, {})
    outcome = Outcome({}, [], [], [])

    def keep(sensor: str, window: Window) -> None:
        outcome.windows.setdefault(sensor, []).append(window.samples[0].copy())
        outcome.t0_unix_ns.append(window.end_unix_ns)

    for at, (topic, payload) in enumerate(case.publish()):
        message = Message(topic, payload, 1, False, at / 10, 1_796_018_400_000_000_000)
        in_flight = InFlight(message)
        try:
            intake.receive(message, in_flight, keep)
        except PacketError as error:
            outcome.refused.append(str(error))
        outcome.refused += [str(error) for error in in_flight.partly_refused]
    outcome.notices = intake.take_notices()
    return outcome


def holds(windows: list[np.ndarray], axis: int) -> bool:
    """Whether windows are the axis, but for an offset, a gain, and an error of a thousandth of the range."""
    found, expected = np.concatenate(windows).astype(np.float64), axes()[axis].astype(np.float64)
    expected = expected[: len(found)]
    found, expected = found - found.mean(), expected - expected.mean()
    gain = float(found @ expected) / float(found @ found)
    return bool(gain > 0 and np.abs(found * gain - expected).max() < 0.004 * np.abs(expected).max())
