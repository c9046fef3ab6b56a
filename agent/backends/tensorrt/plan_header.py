"""The header of a plan, TensorRT's serialized engine, read in plain Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.backends.tensorrt.flavour import FLAVOURS

if TYPE_CHECKING:
    from drsn.agent.backends.tensorrt.flavour import Flavour
    from drsn.agent.backends.tensorrt.version import Version

HEADER_BYTES: Final = 28


def parse_header(plan: bytes) -> tuple[Flavour, Version]:
    """Return the flavour and the version (four numbers) that the first 28 bytes of a plan give.

    Raises:
        ValueError: these bytes are no plan; the message gives the reason.
    """
    if len(plan) < HEADER_BYTES:
        raise ValueError(f"is {len(plan)} bytes long, shorter than a plan's header")
    flavour = next((flavour for flavour, names in FLAVOURS.items() if names.magic == plan[:4]), None)
    if flavour is None:
        raise ValueError(f"begins with {plan[:4]!r}, so it is not a TensorRT plan")
    if plan[4:8] != bytes(4):
        raise ValueError("has a header of another layout, so it is of an unknown TensorRT")
    return flavour, tuple(plan[24:HEADER_BYTES])
