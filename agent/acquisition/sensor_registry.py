"""The sensors that send packets: their streams, where each one continues, and the quotas of their number and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs import PacketError, Reason
from drsn.agent.acquisition.memory_quota import MemoryQuota, most_bytes
from drsn.agent.acquisition.notice import WARNING, Notice, Notices
from drsn.agent.acquisition.ring_buffer import BYTES_A_SAMPLE
from drsn.agent.acquisition.sensor_quota import SensorQuota
from drsn.agent.acquisition.sensor_stream import SensorStream, StreamOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drsn.agent.acquisition.continuity import Cursor
    from drsn.agent.acquisition.router import Input
    from drsn.model.contract import ModelContract

RINGS_BYTES = 32 << 20
"""Memory of all rings together, at least: enough for 24 sensors at 1 MHz with a 12 kHz bundle."""


class SensorRegistry:
    """One stream for each sensor, within the quotas.

    Args:
        contract: contract of the model that the windows are for.
        max_sensors: sensors at most.
        cursors: sensor -> how far an earlier run read its stream.
        known: sensors that an earlier run confirmed; they need not send to keep their place.
        least_ring_bytes: memory for all rings together, however few sensors are allowed.
        notices: takes the warnings of the registry and of its streams.
    """

    def __init__(
        self,
        contract: ModelContract,
        max_sensors: int,
        cursors: Mapping[str, Cursor],
        known: Iterable[str],
        least_ring_bytes: int,
        notices: Notices,
    ) -> None:
        self.quota = SensorQuota(max_sensors, known)
        self.memory = MemoryQuota(most_bytes(contract, max_sensors, BYTES_A_SAMPLE, least_ring_bytes), self._evict_ring)
        self._contract = contract
        self._cursors = dict(cursors)
        self._notices = notices
        self.streams: dict[str, SensorStream] = {}
        """Sensor -> its stream, of each sensor with an accepted packet since the start or the last rewind."""
        self._lost_samples = 0  # of streams that were removed

    def __len__(self) -> int:
        """Sensors with an accepted packet since the start."""
        return len(self.streams)

    @property
    def lost_samples(self) -> int:
        """Samples that no window will hold."""
        return self._lost_samples + sum(stream.progress.lost_samples for stream in self.streams.values())

    def streams_of(self, entry: Input, sensors: Sequence[str], now_s: float) -> list[SensorStream]:
        """The sensors' streams. A new one is not kept before `add`: a refused packet must not use up a place.

        Args:
            entry: the input that reads them; it configures new streams.
            sensors: ids.
            now_s: monotonic time.

        Raises:
            PacketError: the quota has no place for one of them.
        """
        streams = [self.streams[sensor] for sensor in sensors if sensor in self.streams]
        if len(streams) == len(sensors):  # whatever has a stream has a place
            return streams
        if self.quota.first_over_quota(sensors) is not None:
            for evicted in self.quota.evict_unconfirmed(now_s):
                event = "sensor removed: it sent no whole window in time"
                self._notices.add(Notice(WARNING, event, ("evicted", evicted), {"sensor": evicted}))
                self.forget(evicted)
        if (refused := self.quota.first_over_quota(sensors)) is not None:
            detail = f"agent.max_sensors = {self.quota.max_sensors} is reached; sensor {refused!r} is refused"
            raise PacketError(Reason.TOO_MANY_SENSORS, detail)
        return [self.streams.get(sensor) or self._new_stream(entry, sensor) for sensor in sensors]

    def confirmed(self, sensor: str) -> SensorStream | None:
        """The stream of a sensor that has sent a whole window; None: there is none, or it is on trial."""
        return None if self.quota.is_on_trial(sensor) else self.streams.get(sensor)

    def add(self, stream: SensorStream, now_s: float) -> None:
        """Keep a stream whose packet is accepted; `now_s` is monotonic."""
        if self.streams.get(stream.sensor) is not stream:
            self.streams[stream.sensor] = stream
            self.quota.add(stream.sensor, now_s)

    def confirm(self, sensor: str) -> None:
        """Let a sensor keep its place: it has sent a whole window."""
        self.quota.confirm(sensor)

    def account_memory(self, stream: SensorStream) -> None:
        """Charge a stream's ring to the memory quota; without room the stream gives up its ring."""
        if stream.ring_bytes != self.memory.reserved(stream.sensor) and not self.memory.reserve(
            stream.sensor, stream.ring_bytes
        ):
            self._evict_ring(stream.sensor)

    def forget(self, sensor: str) -> None:
        """Remove a sensor's stream, cursor and place; if it publishes again it is a new one."""
        stream = self.streams.pop(sensor, None)
        self._lost_samples += stream.progress.lost_samples if stream else 0
        self._cursors.pop(sensor, None)
        self.memory.release(sensor)
        self.quota.remove(sensor)

    def rewind(self, cursors: Mapping[str, Cursor]) -> None:
        """Continue from these cursors: packets read since then come again, and are read again."""
        self._lost_samples = self.lost_samples
        self.streams.clear()
        self.memory.release_all()
        self._cursors = dict(cursors)

    def _new_stream(self, entry: Input, sensor: str) -> SensorStream:
        return SensorStream(
            sensor,
            self._contract,
            StreamOptions(entry.hop_windows, entry.continuous, entry.bridged_windows),
            cursor=self._cursors.get(sensor),
            notices=self._notices,
        )

    def _evict_ring(self, sensor: str) -> None:
        """Read a sensor packet by packet from now on; samples that fill no window within a packet are lost."""
        lost = self.streams[sensor].evict_ring()
        if lost:
            event = (
                "no memory for incomplete windows: samples are lost; send whole windows in each packet, "
                "lower the sample rate, or raise agent.max_sensors"
            )
            self._notices.add(Notice(WARNING, event, "ring", {"sensor": sensor, "samples": lost}))
