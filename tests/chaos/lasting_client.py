"""A plain client with a session that outlives its connection, with MQTT 5 or 3.1.1."""

from __future__ import annotations

from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def lasting_client(client_id: str, protocol: str) -> tuple[paho.Client, dict[str, Any]]:
    """The client, and what `connect` takes besides host and port."""
    if protocol == "3.1.1":
        version = MQTTProtocolVersion.MQTTv311
        return paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False, protocol=version), {}
    lasting = Properties(PacketTypes.CONNECT)
    lasting.SessionExpiryInterval = 3600
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
    return client, {"clean_start": False, "properties": lasting}
