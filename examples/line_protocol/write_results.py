"""Write the results of all sensors as InfluxDB line protocol, one line for each result.

python write_results.py HOST PORT [PREFIX]

Telegraf, or any program that reads line protocol from a pipe, stores them; README.md has a configuration.
"""

from __future__ import annotations

import json
import math
import re
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NUMBERS = ("confidence", "novelty", "rms", "peak", "crest_factor", "kurtosis", "velocity_rms_mm_s")
TEXTS = ("condition", "label", "unit", "zone", "suppressed_by")
TAG = re.compile(r"[^\\\x00-\x1f\x7f]+")
"""Line protocol cannot represent a backslash at the end of a tag, and no line break in it."""


def line_of(result: dict[str, Any]) -> str:
    """One line for a result, with its last time in nanoseconds; a field that is null is left out.

    Raises:
        KeyError, TypeError, ValueError: the document is not a result.
    """
    fields = [f"windows={int(result['windows'])}i"]
    fields += [f"{name}={value!r}" for name in NUMBERS if (value := number(result.get(name))) is not None]
    fields += [f"{name}={quoted(value)}" for name in TEXTS if (value := result.get(name)) is not None]
    since = datetime.fromisoformat(result["t1"].replace("Z", "+00:00")) - EPOCH
    t1_unix_ns = since // timedelta(microseconds=1) * 1000
    return f"drsn_result,sensor={tag(result['sensor'])} {','.join(fields)} {t1_unix_ns}"


def number(value: object) -> float | None:
    """A float; line protocol has no NaN and no infinity."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def tag(value: str) -> str:
    """The value of a tag: comma, equals sign and blank are escaped.

    Raises:
        ValueError: line protocol has no form for it.
    """
    if TAG.fullmatch(value) is None:
        raise ValueError(f"no tag: {value!r}")
    return re.sub(r"([,= ])", r"\\\1", value)


def quoted(value: str) -> str:
    """The text of a field: quotation mark and backslash are escaped."""
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def on_connect(client: mqtt.Client, topic_filter: str, *_: object) -> None:
    """Subscribe again after each connect."""
    client.subscribe(topic_filter)


def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
    """Print a result; any client may publish there."""
    try:
        print(line_of(json.loads(message.payload)), flush=True)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        print("not a result of an agent:", message.topic, repr(error), file=sys.stderr)


def main() -> None:
    """Write for ever."""
    host, port, prefix = (*sys.argv[1:], "drsn/v1")[:3]
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, userdata=f"{prefix}/+/result")
    client.on_connect = on_connect
    client.on_message = on_message
    client.connect_async(host, int(port))
    client.loop_forever(retry_first_connection=True)


if __name__ == "__main__":
    main()
