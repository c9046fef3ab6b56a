"""The machine and the configuration that are looked at; what several checks need is found out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from drsn.agent.backends.selection import wanted
from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.cuda import probe
from drsn.agent.mqtt.topics import TopicPattern, Topics
from drsn.agent.service.bootstrap import backend_options
from drsn.agent.tools.doctor import broker_session as session
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
    """Asked by the checks, in their order."""

    configuration: Configuration
    tegra_release: Path = trt_compat.TEGRA_RELEASE
    libc: ctypes.CDLL | None = None
    """None: this process's own; the clock is asked by it."""

    @cached_property
    def broker(self) -> BrokerAddress:
        """Where it is, by the settings."""
        return self.configuration.broker

    @cached_property
    def topics(self) -> Topics:
        """Where the agent publishes."""
        agent = self.configuration.settings.agent
        return Topics(agent.prefix, agent.id)

    @cached_property
    def filters(self) -> tuple[str, ...]:
        """What the agent subscribes to."""
        return tuple(TopicPattern(entry.topic, entry.sensor).filter for entry in self.configuration.settings.inputs)

    @cached_property
    def bundle(self) -> Bundle | BundleError:
        """Opened and compared with its manifest; or why not."""
        try:
            return open_bundle(self.configuration.bundle_path)
        except BundleError as error:
            return error

    @cached_property
    def wish(self) -> BackendOptions:
        """How the network is to run."""
        return backend_options(self.configuration.settings)

    @cached_property
    def flavours(self) -> tuple[Flavour, ...]:
        """The engines that this machine is meant to run; none: ONNX Runtime is what was asked for."""
        return () if isinstance(self.bundle, BundleError) else wanted(self.bundle, self.wish)

    @cached_property
    def device(self) -> Device | NoDevice:
        """The GPU."""
        return probe()

    @cached_property
    def tensorrt(self) -> TensorRt | UnavailableError:
        """The TensorRT that the engines need, or why it is not here. Imported only: nothing of it is called."""
        try:
            return trt_compat.load(self.flavours[0] if self.flavours else "tensorrt")
        except UnavailableError as error:
            return error

    @cached_property
    def reachable(self) -> bool:
        """Whether there is a line to the broker, encrypted where it is to be."""
        return session.reaches(self.broker)

    @cached_property
    def session(self) -> BrokerSession | None:
        """What the broker let us do; None: there is no line to it."""
        return session.tried(self.broker, self.topics, self.filters) if self.reachable else None
