"""docs/asyncapi.json: its channels are the topics of the code, and the official parser finds nothing wrong with it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from drsn.agent.mqtt.topics import Topics
from drsn.agent.rpc.verbs import VERBS
from drsn.agent.schema.channels import CHANNELS, PARAMETERS
from drsn.agent.schema.json_schemas import DOCUMENTS

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs" / "asyncapi.json"
DOCUMENT = json.loads(PATH.read_text(encoding="utf-8"))
PARSER = ROOT / "tests" / "asyncapi"


def test_every_document_has_one_channel():
    assert sorted(channel.document.__name__ for channel in CHANNELS) == sorted(kind.__name__ for kind in DOCUMENTS)


def test_the_addresses_are_the_topics_that_the_agent_uses():
    topics = Topics("plant/drsn", "line4")
    by_name = {channel.name: channel for channel in CHANNELS}
    used = {
        "result": topics.result("s1"),
        "alarm": topics.alarm("s1"),
        "event": topics.event("s1"),
        "evidence": topics.evidence("s1", "e1"),
        "status": topics.status,
        "health": topics.health,
        "alarms": topics.summary,
        "command": topics.command("ack"),
        "reply": topics.reply("r1"),
    }
    values = {
        "prefix": "plant/drsn", "agent": "line4", "sensor": "s1", "event_id": "e1", "verb": "ack", "request_id": "r1"
    }  # fmt: skip
    assert values.keys() == PARAMETERS.keys()
    assert {name: channel.address.format(**values) for name, channel in by_name.items()} == used
    published = {f"plant/drsn/{channel.filter}" for channel in CHANNELS if channel.publisher == "agent"}
    assert published == {*topics.filters, "plant/drsn/_reply/+"}


def test_every_verb_is_a_value_of_the_command_topic():
    assert DOCUMENT["channels"]["command"]["parameters"]["verb"]["enum"] == sorted(VERBS)


def test_every_reference_leads_to_a_definition():
    for reference in set(re.findall(r'"#/([^"]+)"', PATH.read_text(encoding="utf-8"))):
        found = DOCUMENT
        for key in reference.split("/"):
            found = found[key]


@pytest.mark.slow
def test_the_official_parser_finds_nothing_wrong(tmp_path: Path):
    if not (PARSER / "node_modules").is_dir() or shutil.which("node") is None:
        assert not os.environ.get("CI"), "CI runs `make other-brokers` first"
        pytest.skip("needs Node.js and its package: make other-brokers")
    parse = ["node", str(PARSER / "parse.mjs")]
    done = subprocess.run([*parse, str(PATH)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    wrong = tmp_path / "wrong.json"
    wrong.write_text(PATH.read_text(encoding="utf-8").replace('"action": "send"', '"action": "shout"'))
    assert subprocess.run([*parse, str(wrong)], capture_output=True, check=False).returncode == 1
