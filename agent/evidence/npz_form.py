"""A record as a file: an .npz of plain arrays, one of them the header as JSON.

`numpy.load` and any zip program open it. It has no pickles. Its entries are stored without compression: 16-bit noise
does not compress, and a reader that refuses compression is safe from archives that expand.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from drsn.agent.evidence.record import Record, checked
from drsn.agent.evidence.window_history import Arrays
from drsn.agent.schema.evidence import RecordHeader
from drsn.model.errors import BadDataError, excerpt

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 64 << 20
"""Largest file. 64 windows of 2,048 samples are 0.3 MB, eight of sixteen channels at 51.2 kHz 2.3 MB."""

NPY_HEADER_BYTES = 512
"""Largest header of one array; numpy writes 128 bytes."""

HEADER = "header"
DTYPES = {
    HEADER: "|u1",
    "counts": "<i2",
    "scale": "<f4",
    "offset": "<f4",
    "probabilities": "<f4",
    "novelty": "<f4",
    "alpha": "<f4",
}


def to_bytes(record: Record, max_bytes: int = MAX_BYTES) -> bytes:
    """Make the file; the same record gives the same bytes.

    Raises:
        ValueError: it would be larger than a reader accepts.
    """
    arrays: dict[str, NDArray[Any]] = {HEADER: np.frombuffer(record.header.model_dump_json().encode(), np.uint8)}
    arrays |= record.arrays.named()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:  # as numpy.savez, with a fixed version and without pickles
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                plain = array.astype(DTYPES[name], order="C")
                np.lib.format.write_array(member, plain, version=(1, 0), allow_pickle=False)
    if file.tell() > max_bytes:
        raise ValueError(f"{file.tell()} bytes, more than {max_bytes}; lower evidence.windows")
    return file.getvalue()


def from_bytes(data: bytes, max_bytes: int = MAX_BYTES) -> Record:
    """Read a file from an untrusted source; takes at most a few times its size in memory.

    Raises:
        BadDataError: it is no valid record.
    """
    if len(data) > max_bytes:
        raise BadDataError(f"{len(data)} bytes, more than the {max_bytes} that a record may have")
    try:
        arrays = _arrays(data)
        header = RecordHeader.model_validate_json(arrays.pop(HEADER).tobytes())
    except ValidationError as error:
        raise BadDataError(first_error(error)) from None
    except BadDataError:
        raise
    except Exception as error:  # noqa: BLE001 (numpy and zipfile raise a dozen unrelated types)
        raise BadDataError(f"not an .npz of plain arrays: {excerpt(error)}") from None
    return checked(header, Arrays(**arrays))


def first_error(error: ValidationError) -> str:
    """The first error of a validation, in one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])[:80].encode("unicode_escape").decode() or "document"
    return f"{where}: {first['msg'][:200]}"


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if sorted(entry.filename for entry in entries) != sorted(f"{name}.npy" for name in DTYPES):
            raise BadDataError("its arrays are not those of a record")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise BadDataError("it is compressed, but records are not compressed")
        return {name: _array(name, archive.read(f"{name}.npy")) for name in DTYPES}


def _array(name: str, data: bytes) -> NDArray[Any]:
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise BadDataError(f"{name} has another version of numpy's format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=NPY_HEADER_BYTES)
    body = memoryview(data)[file.tell() :]
    # Compared before anything is allocated: a header may claim any shape.
    size = 1
    for length in shape:
        size *= length
    if dtype.str != DTYPES[name] or fortran or len(shape) > 3 or size * dtype.itemsize != len(body):
        raise BadDataError(f"{name} is not a {DTYPES[name]} array of {len(body)} bytes")
    array: NDArray[Any] = np.frombuffer(body, dtype=dtype).reshape(shape).copy()
    return array
