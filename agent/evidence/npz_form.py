"""A record as a file: an .npz of plain arrays, one of them the header as JSON.

Anything that has numpy opens it (`numpy.load`), and so does whatever can unzip. It holds no pickle. Entries are stored,
not compressed: noise of 16 bits does not shrink, and a reader that refuses compression can't be made to unpack more
than it was given.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from drsn.agent.evidence.record import Record, checked
from drsn.agent.evidence.window_history import Arrays
from drsn.agent.schema.evidence import Header
from drsn.model.errors import BadDataError, excerpt

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 64 << 20
"""Of a file: 64 windows of 2,048 samples are 0.3 MB, eight of sixteen channels at 51.2 kHz 2.3 MB."""

NPY_HEADER_BYTES = 512
"""Of one array; numpy writes 128."""

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


def to_bytes(record: Record) -> bytes:
    """The file; the same record gives the same bytes.

    Raises:
        ValueError: it would be larger than a reader takes.
    """
    arrays: dict[str, NDArray[Any]] = {HEADER: np.frombuffer(record.header.model_dump_json().encode(), np.uint8)}
    arrays |= record.arrays.named()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:  # as numpy.savez, but for the version and the refusal of pickles
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                plain = array.astype(DTYPES[name], order="C")
                np.lib.format.write_array(member, plain, version=(1, 0), allow_pickle=False)
    if file.tell() > MAX_BYTES:
        raise ValueError(f"{file.tell()} bytes, more than {MAX_BYTES}; lower evidence.windows")
    return file.getvalue()


def from_bytes(data: bytes) -> Record:
    """Read a file that may come from anywhere; no more memory is taken than a few times its own size.

    Raises:
        BadDataError: what is wrong with it.
    """
    if len(data) > MAX_BYTES:
        raise BadDataError(f"{len(data)} bytes, more than the {MAX_BYTES} that a record may have")
    try:
        arrays = _arrays(data)
        header = Header.model_validate_json(arrays.pop(HEADER).tobytes())
    except ValidationError as error:
        raise BadDataError(first_error(error)) from None
    except BadDataError:
        raise
    except Exception as error:  # noqa: BLE001 (numpy and zipfile raise a dozen unrelated types)
        raise BadDataError(f"no .npz of plain arrays: {excerpt(error)}") from None
    return checked(header, Arrays(**arrays))


def first_error(error: ValidationError) -> str:
    """What pydantic found first, in one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])[:80].encode("unicode_escape").decode() or "document"
    return f"{where}: {first['msg'][:200]}"


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if sorted(entry.filename for entry in entries) != sorted(f"{name}.npy" for name in DTYPES):
            raise BadDataError("its arrays are not those of a record")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise BadDataError("it is compressed; a record never is")
        return {name: _array(name, archive.read(f"{name}.npy")) for name in DTYPES}


def _array(name: str, data: bytes) -> NDArray[Any]:
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise BadDataError(f"{name} is of another version of numpy's format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=NPY_HEADER_BYTES)
    body = memoryview(data)[file.tell() :]
    # Compared before anything is allocated: a header may claim any shape.
    size = 1
    for length in shape:
        size *= length
    if dtype.str != DTYPES[name] or fortran or len(shape) > 3 or size * dtype.itemsize != len(body):
        raise BadDataError(f"{name} is not the {DTYPES[name]} array that its {len(body)} bytes could be")
    array: NDArray[Any] = np.frombuffer(body, dtype=dtype).reshape(shape).copy()
    return array
