"""Names of the codecs, for a command line that decodes nothing and so needs no numpy."""

from typing import Final

CODECS: Final = ("raw", "frame", "json", "cbor", "msgpack")

READ_ONLY_CODECS: Final = ("influx", "senml", "opcua", "sparkplug")
"""Codecs of other products; the commands that send packets do not write them."""
