"""Packets of healthy machines, made of a bundle's golden windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.codecs import Packet, codec, raw
from drsn.agent.mqtt.message import Message
from drsn.model.conditioning import native_window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from drsn.agent.settings.input_section import InputSection
    from drsn.model.bundle import Bundle

VARIANTS = 128
"""Different windows; a window that repeats the one before it is a sensor fault."""

NOISE = 0.02
"""Standard deviation of the noise that makes variants of a window, relative to the window's."""

SURE = 0.95
"""Least probability of a label that the network is sure of."""

TOPIC = "bench/{sensor}/frame"


def windows_of(bundle: Bundle, condition: str | None = None) -> NDArray[np.float32]:
    """Return golden windows with a little noise.

    Args:
        bundle: gives the golden windows, and the labels that its network gave to them.
        condition: of the machine; None: a healthy one. If the bundle has no such window, all are used.

    Returns:
        float32[VARIANTS, channels, window]; windows that the network is sure of, if there are any.
    """
    golden, contract = bundle.golden(), bundle.contract
    wanted_labels = [label.healthy if condition is None else label.condition == condition for label in contract.labels]
    wanted = np.array(wanted_labels)[golden.probabilities.argmax(axis=1)]
    threshold = np.inf if contract.abstention_threshold is None else contract.abstention_threshold
    sure = wanted & (golden.probabilities.max(axis=1) > SURE) & (golden.novelty < threshold - 1)
    rows = next(golden.x[mask] for mask in (sure, wanted, np.ones(len(wanted), bool)) if mask.any())
    rows = rows[np.arange(VARIANTS) % len(rows)]
    rng = np.random.default_rng(1)
    noisy: NDArray[np.float32] = rows + NOISE * rows.std(axis=-1, keepdims=True) * rng.standard_normal(rows.shape, "f4")
    return noisy


@dataclass
class Workload:
    """Sensors that send one window in each packet, one after the other, without end.

    Args:
        bundle: gives the windows.
        entry: the input that the packets are for.
        sensors: number of sensors.
    """

    bundle: Bundle
    entry: InputSection
    sensors: int
    _sent: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        contract = self.bundle.contract
        self.sample_rate_hz = self.entry.sample_rate_hz or contract.sample_rate_hz
        length = native_window(contract.window, self.sample_rate_hz, contract.sample_rate_hz)
        self._windows = _stretched(windows_of(self.bundle), length)
        self._window_ns = length * 1e9 / self.sample_rate_hz

    def messages(self, count: int, end_s: float, end_unix_ns: int) -> list[Message]:
        """Return the next messages, as they come from the broker; the last window ends now.

        Args:
            count: number of messages.
            end_s: now, monotonic.
            end_unix_ns: now, wall clock.
        """
        rounds = count // self.sensors + 1
        start_unix_ns = end_unix_ns - round((self._sent // self.sensors + rounds) * self._window_ns)
        return [self._message(end_s, end_unix_ns, start_unix_ns) for _ in range(count)]

    def _message(self, now_s: float, now_unix_ns: int, start_unix_ns: int) -> Message:
        seq, sensor = divmod(self._sent, self.sensors)
        self._sent += 1
        packet = Packet(
            samples=self._windows[(7 * sensor + seq) % VARIANTS],
            sample_rate_hz=self.sample_rate_hz,
            seq=seq,
            boot_id=1,
            t0_unix_ns=start_unix_ns + round(seq * self._window_ns),
        )
        properties: Mapping[str, str] = raw.properties_of(packet) if self.entry.codec == "raw" else {}
        topic = TOPIC.replace("{sensor}", f"s{sensor}")
        return Message(topic, codec(self.entry.codec).encode(packet), 1, False, now_s, now_unix_ns, properties)


def _stretched(windows: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return the windows with so many samples, interpolated: only their number and their level matter here."""
    if windows.shape[-1] == length:
        return windows
    at, of = np.linspace(0, 1, length), np.linspace(0, 1, windows.shape[-1])
    flat = [np.interp(at, of, row) for row in windows.reshape(-1, windows.shape[-1])]
    return np.array(flat, np.float32).reshape(*windows.shape[:-1], length)
