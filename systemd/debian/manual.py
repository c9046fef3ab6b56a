"""The man pages of the Debian package: `python manual.py drsn-agent > drsn-agent.1`.

argparse-manpage makes them of the commands' own parsers. The date is that of $SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timezone
from typing import Final

from argparse_manpage.manpage import Manpage

from drsn.agent.tools.completion.command import parser_of

SHORT: Final = {
    "drsn-agent": "diagnose machines from their vibration, over MQTT",
    "drsn-export": "make bundles of trained networks, and engines of bundles",
}
EXIT_CODES: Final = """
0: done. 1: the command ran to its end, and its result is negative. 64: the command line is wrong. 65: the data given to
a command cannot be used. 69: a broker, device or library is missing. 74: reading or writing failed. 78: the
configuration or the bundle is wrong.
"""
FILES: Final = """
/etc/drsn/agent.toml: settings of drsn-agent.service; /etc/drsn/NAME.toml: of drsn-agent@NAME.service.

/var/lib/drsn: alarms, events, baselines and evidence of each service.

/var/cache/drsn: TensorRT engines.
"""


def main(program: str) -> None:
    """Print the page of one program."""
    parser = parser_of(program)
    parser._manpage = [  # type: ignore[attr-defined]  # noqa: SLF001 (the attribute that argparse-manpage reads)
        {"heading": "exit status", "content": EXIT_CODES},
        {"heading": "files", "content": FILES},
    ]
    day = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
    header = {
        "description": SHORT[program],
        "manual_title": "drsn-edge",
        "date": f"{day:%B} {day.day}, {day.year}",  # mandoc reads no other form here: the hyphens of ISO are escaped
    }
    print(Manpage(parser, header, format="single-commands-section"))  # noqa: T201 (it prints the page)


if __name__ == "__main__":
    main(sys.argv[1])
