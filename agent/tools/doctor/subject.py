"""The subject of the checks: the machine and the configuration. Shared facts are determined once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from drsn.agent.backends.selection import wanted
from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.cuda import probe
from drsn.agent.mqtt.topics import Topics
from drsn.agent.service.bootstrap import backend_options
from drsn.agent.settings.inputs import filters_of
from drsn.agent.tools.doctor import broker_session
from drsn.agent.tools.doctor.broker_traits import BrokerTraits, examined_traits
from drsn.model.bundle import open_bundle
from drsn.model.errors import BundleError, UnavailableError

if TYPE_CHECKING:
    import ctypes
    from pathlib import Path

    from drsn.agent.backends.selection import BackendOptions
    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.cuda import Device, NoDevice
    from drsn.agent.backends.tensorrt.flavour import Flavour
    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.settings.loader import Configuration
    from drsn.agent.tools.doctor.broker_session import BrokerSession
    from drsn.model.bundle import Bundle


@dataclass
class Subject:
    """One machine and one configuration. Each property is determined at its first use, in the order of the checks."""

    configuration: Configuration
    tegra_release: Path = trt_compat.HOST.tegra_release
    libc: ctypes.CDLL | None = None
    """The C library for adjtimex; None: this process's own."""

    @cached_property
    def broker(self) -> BrokerAddress:
        """The broker's address, from the settings."""
        return self.configuration.broker

    @cached_property
    def topics(self) -> Topics:
        """The topics on which the agent publishes."""
        agent = self.configuration.settings.agent
        return Topics(agent.prefix, agent.id)

    @cached_property
    def filters(self) -> tuple[str, ...]:
        """The topic filters to which the agent subscribes."""
        return filters_of(self.configuration.settings)

    @cached_property
    def bundle(self) -> Bundle | BundleError:
        """The bundle, compared with its manifest, or the error."""
        try:
            return open_bundle(self.configuration.bundle_path)
        except BundleError as error:
            return error

    @cached_property
    def wish(self) -> BackendOptions:
        """The settings for the backend."""
        return backend_options(self.configuration.settings)

    @cached_property
    def flavours(self) -> tuple[Flavour, ...]:
        """The kinds of engine that the settings ask for; none: ONNX Runtime alone."""
        return () if isinstance(self.bundle, BundleError) else wanted(self.bundle, self.wish)

    @cached_property
    def device(self) -> Device | NoDevice:
        """The GPU."""
        return probe()

    @cached_property
    def tensorrt(self) -> TensorRt | UnavailableError:
        """The TensorRT that the engines need, or the error. It is imported only; nothing of it is called."""
        try:
            return trt_compat.load(self.flavours[0] if self.flavours else "tensorrt")
        except UnavailableError as error:
            return error

    @cached_property
    def reachable(self) -> bool:
        """True if a TCP connection to the broker is possible, with TLS if the settings ask for it."""
        return broker_session.reaches(self.broker)

    @cached_property
    def session(self) -> BrokerSession | None:
        """The result of the MQTT session; None: no connection to the broker."""
        return broker_session.tried(self.broker, self.topics, self.filters) if self.reachable else None

    @cached_property
    def traits(self) -> BrokerTraits:
        """What the broker does with retained messages and dots; nothing, where the agent is not let in."""
        let_in = self.session is not None and self.session.error is None
        return examined_traits(self.broker, self.topics) if let_in else BrokerTraits()
