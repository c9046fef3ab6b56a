"""A trial: the agent's own intake reads the captured messages with the settings of a candidate."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from drsn.agent.acquisition.ack_tracker import InFlight
from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.acquisition.intake import Intake
from drsn.agent.settings.inputs import inputs_of
from drsn.agent.settings.sections import Settings
from drsn.agent.tools.init.rate_estimate import PacketTime
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from drsn.agent.acquisition.codecs import Packet
    from drsn.agent.mqtt.message import Message
    from drsn.model.contract import ModelContract

ANY_RATE_HZ: Final = 12_000.0
"""Rate of a trial of packets that carry none; it decides nothing about how they are read."""

TOPIC: Final = "init/{topic}"

NODE: Final = {"topic": "spBv1.0/{group}/{type}/{node}", "sensor": "{node}", "codec": "sparkplug"}
"""The input of Sparkplug's edge nodes: their births have the names of metrics, their sequence shows lost messages."""


@dataclass
class Trial:
    """What the settings of a candidate read."""

    messages: int = 0
    packets: list[Packet] = field(default_factory=list)
    times: list[PacketTime] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    """Of the intake, about the encoding of the samples."""
    gaps: int = 0
    windows: int = 0

    @property
    def share(self) -> float:
        """Messages that were read, over all."""
        return len(self.times) / self.messages if self.messages else 0.0

    @property
    def samples(self) -> int:
        """Of each channel in a packet, the most frequent number."""
        counts = Counter(each.samples for each in self.times)
        return counts.most_common(1)[0][0] if counts else 0

    @property
    def stated_rate_hz(self) -> float | None:
        """Rate that the packets carry."""
        rates = Counter(packet.sample_rate_hz for packet in self.packets if packet.sample_rate_hz)
        return rates.most_common(1)[0][0] if rates else None


def input_settings(settings: Mapping[str, Any], topic: str, sensor: str) -> dict[str, Any]:
    """The settings of one input."""
    return {"topic": topic, "sensor": sensor, **settings}


def settings_with(inputs: Sequence[Mapping[str, Any]]) -> Settings:
    """The settings of an agent with these inputs.

    Raises:
        ConfigurationError: they are not valid.
    """
    try:
        return Settings.model_validate({"agent": {"id": "init", "state_dir": "."}, "inputs": list(inputs)})
    except ValidationError as error:
        raise ConfigurationError(str(error.errors()[0]["msg"])) from None


def trial_of(settings: Mapping[str, Any], messages: Sequence[Message], contract: ModelContract) -> Trial:
    """Read the messages of a family.

    Args:
        settings: of a candidate, without topic and sensor; of Sparkplug with both.
        messages: in the order of their receipt.
        contract: of the model that the windows are for; its number of channels matters.
    """
    trial = Trial(len(messages))
    rate = settings.get("sample_rate_hz") or ANY_RATE_HZ
    sparkplug = settings.get("codec") == "sparkplug" or settings.get("preset") == "sparkplug"
    try:
        reader, joiner = (
            _intake({**settings, "sample_rate_hz": rate}, contract, sparkplug=sparkplug) for _ in range(2)
        )
    except ConfigurationError as error:
        trial.refusals[str(error)] += len(messages)
        return trial
    numbers = {topic: at for at, topic in enumerate(dict.fromkeys(message.topic for message in messages))}

    def count(_sensor: str, _window: object) -> None:
        trial.windows += 1

    for message in messages:
        place = message.topic if sparkplug else f"init/{numbers[message.topic]}"
        moved = replace(message, topic=place, retained=False, acknowledge=None)
        _read(trial, reader, moved, message.topic)
        try:
            joiner.receive(moved, InFlight(moved, message.received_s), count)
        except PacketError:
            continue  # counted already
    trial.doubts = [str(notice.fields["doubt"]) for notice in reader.take_notices() if "doubt" in notice.fields]
    trial.gaps = joiner.gaps
    return trial


def _intake(settings: Mapping[str, Any], contract: ModelContract, *, sparkplug: bool) -> Intake:
    inputs = [settings, NODE] if sparkplug else [input_settings(settings, TOPIC, "{topic}")]
    return Intake(contract, inputs_of(settings_with(inputs), contract), 10_000, {})


def _read(trial: Trial, intake: Intake, message: Message, topic: str) -> None:
    """Decode one message and note what it holds."""
    try:
        for entry, sensor, _ in intake.route(message):
            packets, _ = intake.read(entry, sensor, message)
            if not packets:  # of Sparkplug: a birth, a death, a command
                trial.messages -= 1
            else:
                first = packets[0]
                trial.packets += packets
                trial.times.append(
                    PacketTime(topic, message.received_s, first.samples.shape[1], first.t0_unix_ns, first.seq)
                )
    except PacketError as error:
        trial.refusals[error.detail] += 1
