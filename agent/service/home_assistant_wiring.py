"""Puts the discovery for Home Assistant together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.delivery.home_assistant import BirthMessages, HomeAssistantPublisher
from drsn.agent.schema.home_assistant import Origin
from drsn.agent.settings.policies import level_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.service.health import AgentInfo
    from drsn.agent.settings.sections import Settings


def births_of(settings: Settings, wake: Callable[[], None]) -> BirthMessages | None:
    """Where Home Assistant's birth messages are noted; None: the settings do not enable it."""
    return BirthMessages(settings.home_assistant.prefix, wake) if settings.home_assistant.enabled else None


def control_receiver(births: BirthMessages | None, command: Callable[[Message], None]) -> Callable[[Message], None]:
    """What receives the messages of the control connection: birth messages, and commands."""
    if births is None:
        return command
    own = births

    def put(message: Message) -> None:
        if not own.put(message):
            command(message)

    return put


def home_assistant_of(
    settings: Settings, births: BirthMessages | None, control: Transport, topics: Topics, info: AgentInfo
) -> HomeAssistantPublisher | None:
    """The publisher of the discovery documents; None: the settings do not enable it."""
    if births is None:
        return None
    bundle, level = info.identity.bundle, level_of(settings)
    origin = Origin(topics, info.version, f"{bundle.name} {bundle.version}")
    return HomeAssistantPublisher(control, origin, births, lambda sensor: level(sensor) is not None)
