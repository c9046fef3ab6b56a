"""A snapshot: the newest window of a sensor, without an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drsn.agent.evidence.json_form import MAX_BYTES, arrays_of, numbers_of
from drsn.agent.evidence.quantise import samples_of
from drsn.agent.evidence.record import check_sizes, facts_of
from drsn.agent.schema.evidence import SnapshotDocument, SnapshotWindow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from drsn.agent.evidence.window_history import Arrays, HistoryCopy
    from drsn.agent.schema.bearing import AnyBearing
    from drsn.model.contract import ModelContract

MAX_SAMPLES: Final = 300_000
"""Samples of a snapshot, all channels together: 800,000 bytes as base64, and room for the rest of a message."""

assert MAX_SAMPLES * 2 * 4 // 3 < MAX_BYTES


@dataclass(frozen=True, slots=True)
class WindowSnapshot:
    """The newest window of a sensor; the sizes of header and arrays agree. Its members have the names of a `Record`."""

    header: SnapshotDocument
    arrays: Arrays

    @property
    def samples(self) -> NDArray[np.float32]:
        """The samples, float32[1, channels, samples] in the sensor's unit; exact but for the quantisation."""
        return samples_of(self.arrays.counts, self.arrays.scale, self.arrays.offset)


def document_of(
    copy: HistoryCopy, contract: ModelContract, bearing: AnyBearing | None, rpm: float | None
) -> SnapshotDocument:
    """Make the document of a window.

    Args:
        copy: of the newest window.
        contract: of the bundle.
        bearing: of the sensor, if it is configured.
        rpm: configured speed of its shaft.
    """
    (info,), arrays = copy.unpack()
    return SnapshotDocument(
        sensor=copy.sensor,
        unit=info.reading.unit,
        sample_rate_hz=copy.shape.sample_rate_hz,
        contract=contract,
        bearing=bearing,
        rpm=rpm,
        windows=(SnapshotWindow(**facts_of(info), **numbers_of(arrays, 0)),),
    )


def snapshot_of(document: SnapshotDocument) -> WindowSnapshot:
    """Read a document from an untrusted source.

    Raises:
        BadDataError: its numbers are not valid.
    """
    arrays = arrays_of(document.windows, document.contract.channels)
    check_sizes(document, len(document.windows), arrays)
    return WindowSnapshot(document, arrays)
