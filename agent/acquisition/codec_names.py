"""Names of the codecs, for a command line that decodes nothing and so needs no numpy."""

from typing import Final

CODECS: Final = ("raw", "frame", "json", "cbor", "msgpack")
