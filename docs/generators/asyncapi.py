"""docs/asyncapi.json: the topics and documents as an AsyncAPI 3.1 document, generated from the code.

https://www.asyncapi.com/docs/reference/specification/v3.1.0; MQTT bindings of version 0.2.0.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

from drsn.agent.rpc.verb_help import VERB_HELP
from drsn.agent.schema.channels import CHANNELS, PARAMETERS, Channel
from drsn.agent.schema.json_schemas import DOCUMENTS

BINDING = "0.2.0"


def document() -> dict[str, Any]:
    """The whole AsyncAPI document."""
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "drsn-edge agent",
            "version": version("drsn-edge"),
            "description": "What the agent publishes and receives by MQTT. Packets of samples are not described here: "
            "their topics and their form are settings.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "localhost:1883",
                "protocol": "mqtt",
                "description": "setting `mqtt.url`: mqtt, mqtts, ws or wss",
            }
        },
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {
            _operation_name(channel): _operation(channel) for channel in CHANNELS if channel.name != "reply"
        },
        "components": {
            "messages": {channel.name: _message(channel) for channel in CHANNELS},
            "schemas": _schemas(),
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        name: {"description": PARAMETERS[name]} for name in re.findall(r"\{(\w+)\}", channel.address)
    }
    if "verb" in parameters:
        parameters["verb"]["enum"] = sorted(VERB_HELP)
    return {
        "address": channel.address,
        "description": channel.summary,
        "parameters": parameters,
        "messages": {channel.name: {"$ref": f"#/components/messages/{channel.name}"}},
    }


def _operation_name(channel: Channel) -> str:
    return f"{'publish' if channel.publisher == 'agent' else 'receive'}_{channel.name}"


def _operation(channel: Channel) -> dict[str, Any]:
    """What the agent does with a channel: it sends its documents, and it receives commands and answers them."""
    operation: dict[str, Any] = {
        "action": "send" if channel.publisher == "agent" else "receive",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.summary,
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{channel.name}"}],
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retained, "bindingVersion": BINDING}},
    }
    if channel.name == "command":
        operation["reply"] = {
            "channel": {"$ref": "#/channels/reply"},
            "messages": [{"$ref": "#/channels/reply/messages/reply"}],
        }
    return operation


def _message(channel: Channel) -> dict[str, Any]:
    return {
        "title": channel.document.__name__.removesuffix("Document"),
        "summary": channel.summary,
        "payload": {"$ref": f"#/components/schemas/{channel.document.__name__}"},
    }


def _schemas() -> dict[str, Any]:
    """The JSON Schemas of all documents, with the definitions of each lifted to one place.

    Raises:
        ValueError: two documents define the same name differently.
    """
    schemas: dict[str, Any] = {}
    for kind in DOCUMENTS:
        mode = "validation" if kind.__name__ == "CommandDocument" else "serialization"
        schema = kind.model_json_schema(mode=mode, ref_template="#/components/schemas/{model}")
        for name, definition in {**schema.pop("$defs", {}), kind.__name__: schema}.items():
            if schemas.setdefault(name, definition) != definition:
                raise ValueError(f"{name} has two definitions")
    return dict(sorted(schemas.items()))
