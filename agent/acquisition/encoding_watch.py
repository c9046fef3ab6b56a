"""Whether the samples of each sensor are what its input states: looked at in its first packets, and rarely later.

In the first packets a reading that is certainly wrong is refused; later, and where it is not certain, it is a notice. A
machine that stands gives noise, of which nothing follows, so a sensor is looked at again while it sends: after 1, 2, 4,
8 … packets.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from drsn.agent.acquisition.codecs import PacketError, Reason
from drsn.agent.acquisition.codecs.plausibility import MIN_SAMPLES, Doubt, other_reading, text_under_raw
from drsn.agent.acquisition.notice import WARNING, Notice, Notices

if TYPE_CHECKING:
    from drsn.agent.acquisition.codecs import Packet
    from drsn.agent.acquisition.router import Input

LOOKED_AT_SAMPLES: Final = 2 * MIN_SAMPLES
"""Samples of one look. Packets of fewer are gathered: 8 KB a sensor of one channel at most."""

MAX_PAUSE: Final = 1 << 16
"""Packets from one look to the next, at most: at ten packets a second, two hours."""

EXPECTED_WITHIN: Final = 1.5
"""Samples a second that come, over those that the rate promises. Half or twice as many are the mark of a wrong type or
number of channels; a clock is never off by so much."""

LOOKS_IN_A_ROW: Final = 2
"""Looks that must find too many samples: after an interruption the broker sends in seconds what it kept for minutes."""

MIN_SPAN_S: Final = 10.0
"""Time over which samples are counted, at least: the packets that the broker kept come at once."""


@dataclass(slots=True)
class Look:
    """What is known of the encoding of one sensor."""

    accepted: bool = False
    """A look found nothing wrong: from then on doubts are notices."""
    pause: int = 1
    """Packets from this look to the next."""
    chunks: list[bytes] = field(default_factory=list)
    samples: int = 0
    since_s: float = 0.0
    """Monotonic time of the last look that found nothing wrong."""
    faster: int = 0
    """Looks in a row that found more samples than the rate promises."""


class EncodingWatch:
    """Looks at the sensors of all inputs whose samples come as bytes.

    Args:
        notices: takes the doubts.
        max_sensors: sensors that are remembered; a flood of new ones must not fill the memory.
    """

    def __init__(self, notices: Notices, max_sensors: int) -> None:
        self.due: defaultdict[str, int] = defaultdict(int)
        """Sensor -> packets until its next look. The caller counts down, which costs no call."""
        self._looks: dict[str, Look] = {}
        self._notices = notices
        self._max_sensors = max_sensors

    def look(self, entry: Input, sensor: str, packet: Packet, rate_hz: float, now_s: float) -> None:
        """Look at a packet of a sensor whose look is due.

        Args:
            entry: the input that read it.
            sensor: id, before it is split by channels.
            packet: with the bytes of its samples.
            rate_hz: the sample rate that the packet or the input states.
            now_s: monotonic time.

        Raises:
            PacketError: the samples are certainly not what the input states.
        """
        if len(self._looks) >= self._max_sensors and sensor not in self._looks:
            self._looks.clear()
            self.due.clear()
        look = self._looks.setdefault(sensor, Look(since_s=now_s))
        self.due[sensor] = 0
        doubt = _text_in(entry, packet.encoded or b"")
        if doubt is None:
            look.chunks.append(packet.encoded or b"")
            look.samples += packet.samples.shape[1]
            if look.samples < LOOKED_AT_SAMPLES and packet.samples.shape[1] < MIN_SAMPLES:
                return
            doubt = other_reading(look.chunks, entry.payload_format)
        look.chunks.clear()
        look.samples = 0
        if doubt is not None:
            self._report(look, sensor, doubt)
        self._compare_rate(look, sensor, packet, rate_hz, now_s)
        look.accepted = True
        self.due[sensor], look.pause = look.pause, min(2 * look.pause, MAX_PAUSE)

    def _report(self, look: Look, sensor: str, doubt: Doubt) -> None:
        if doubt.certain and not look.accepted:
            raise PacketError(Reason.WRONG_ENCODING, doubt.text)
        event = "the samples may have another encoding than the input states"
        self._notices.add(Notice(WARNING, event, ("encoding", sensor), {"sensor": sensor, "doubt": doubt.text}))

    def _compare_rate(self, look: Look, sensor: str, packet: Packet, rate_hz: float, now_s: float) -> None:
        """Compare the samples that came since the last look with the rate; fewer are a sensor that pauses."""
        span_s, look.since_s = now_s - look.since_s, now_s
        if not look.accepted or span_s < MIN_SPAN_S:
            return
        came_hz = (look.pause // 2 + 1) * packet.samples.shape[1] / span_s
        look.faster = look.faster + 1 if came_hz > EXPECTED_WITHIN * rate_hz else 0
        if look.faster == LOOKS_IN_A_ROW:
            doubt = f"{came_hz:.0f} samples/s arrive at {rate_hz:g} Hz: correct dtype, channels or sample_rate_hz"
            self._report(look, sensor, Doubt(doubt, certain=False))

    def forget(self, sensor: str) -> None:
        """Forget what is known of a sensor."""
        self._looks.pop(sensor, None)
        self.due.pop(sensor, None)


def doubt_of(reason: Reason, entry: Input, payload: bytes) -> Doubt | None:
    """Why an input may be wrong whose payload is refused for its samples; None: nothing is known.

    Samples of another type or byte order are mostly no finite numbers, which looks like a fault of the sensor.
    """
    if (
        entry.codec != "raw"
        or entry.payload_format.encoding != "auto"
        or reason not in (Reason.NON_FINITE, Reason.TRUNCATED)
    ):
        return None
    form = entry.payload_format
    return _text_in(entry, payload) or other_reading([payload], form)


def _text_in(entry: Input, payload: bytes) -> Doubt | None:
    binary = entry.codec == "raw" and entry.payload_format.encoding == "auto"
    return text_under_raw(payload, entry.payload_format) if binary else None
