from __future__ import annotations

import pytest
from pydantic import ValidationError

from drsn.agent.decision.voting import Quorum
from drsn.agent.settings.sections import MqttSection, Settings

AGENT = {"bundle": "shipped:synthetic", "state_dir": "state"}
INPUT = {"topic": "plant/{machine}/frame", "sensor": "{machine}"}


def settings(**sections: dict[str, object]) -> Settings:
    return Settings(**{"agent": AGENT, "inputs": [INPUT], **sections})


def complaint(**sections: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Settings(**{"agent": AGENT, "inputs": [INPUT], **sections})
    (error,) = (e for e in caught.value.errors() if e["type"] != "too_short")
    return ".".join(map(str, error["loc"])) + ": " + error["msg"]


def test_the_contracts_defaults():
    default = settings()
    assert (default.agent.prefix, default.agent.backend, default.agent.max_sensors) == ("drsn/v1", "auto", 1000)
    assert default.agent.results_per_s == 1
    assert (default.alarms.raise_after, default.alarms.clear_after) == (Quorum(6, 8), Quorum(7, 8))
    assert (default.inputs[0].hop_windows, default.inputs[0].continuous) == (1, False)


def test_they_are_made_from_arguments_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DRSN_AGENT__AGENT__MAX_SENSORS", "5")
    assert settings().agent.max_sensors == 1000


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtt://broker", "broker", 1883, False),
        ("mqtts://broker", "broker", 8883, True),
        ("mqtt://10.0.0.1:1884/", "10.0.0.1", 1884, False),
        ("mqtts://[::1]:9", "::1", 9, True),
        ("mqtt://[fe80::1%eth0]", "fe80::1%eth0", 1883, False),
        ("mqtt://my_broker.local.", "my_broker.local.", 1883, False),
        ("mqtt://büro.example", "büro.example", 1883, False),
    ],
)
def test_a_url_says_where_the_broker_is(url: str, host: str, port: int, *, tls: bool):
    section = MqttSection(url=url)
    assert (section.host, section.port, section.tls) == (host, port, tls)


@pytest.mark.parametrize(
    "url",
    ["broker", "http://broker", "mqtt://", "mqtt://b:99999", "mqtt://b:x", "mqtt://b:0", "mqtt://b/a", "mqtt://b?a",
     "ws://b?a", "ws://b/a#b", "wss://b/é", "ws://",
     "mqtt://[::1", "", "mqtt://h%20x", "mqtt://-h", "mqtt://a..b", "mqtt://[::x]", "mqtt://" + "a" * 64],
)  # fmt: skip
def test_what_is_no_url_of_a_broker_is_refused_and_shown(url: str):
    shown = f"{url!r} is not mqtt://host[:port], mqtts://host[:port], ws://host[:port][/path] or wss://..."
    assert complaint(mqtt={"url": url}).endswith(shown)


@pytest.mark.parametrize(
    ("url", "port", "path", "tls"),
    [
        ("ws://broker", 80, "/mqtt", False),
        ("ws://broker:8083/", 8083, "/", False),
        ("wss://broker/ws", 443, "/ws", True),
        ("mqtts://broker", 8883, None, True),
    ],
)
def test_a_websocket_has_its_own_port_and_a_path(url: str, port: int, path: str | None, *, tls: bool):
    address = MqttSection(url=url).address(None, None)
    assert (address.host, address.port, address.websocket_path, address.tls) == ("broker", port, path, tls)


@pytest.mark.parametrize("odd", ["\0", "\n", "\t", " ", "\x7f", "\x85", "\u2028", "\u202e", "\uffff"])
@pytest.mark.parametrize("url", ["mqtt://h{}x", "{}mqtt://h", "mqtt://h{}", "mqtt:{}//h", "mqtt://h:18{}83"])
def test_a_url_with_spaces_or_control_characters_is_refused_not_cleaned(url: str, odd: str):
    """`urlsplit` drops line ends, and what is left may be another broker."""
    assert "contains U+" in complaint(mqtt={"url": url.format(odd)})


def test_a_url_without_end_is_not_repeated_whole():
    assert len(complaint(mqtt={"url": "x" * 70_000})) < 200


@pytest.mark.parametrize("text", ["a\0b", "a\x85b", "a\x1bb", "a\uffffb", "a\ufdd0b", "a\U0010fffeb"])
def test_text_that_a_broker_may_refuse_is_refused_here(text: str):
    """Else `check` passes what never connects, and the agent tries for ever."""
    said = f"contains U+{ord(text[1]):04X}, for which a broker may end the connection"
    assert complaint(mqtt={"username": text}) == f"mqtt.username: Value error, {said} (MQTT 5, 1.5.4)"
    assert complaint(agent={**AGENT, "prefix": text}) == f"agent.prefix: Value error, {said} (MQTT 5, 1.5.4)"
    told = complaint(inputs=[{**INPUT, "topic": f"plant/{text}/{{machine}}"}])
    assert told.startswith("inputs.0: Value error, topic 'plant/")
    assert said in told


def test_a_user_name_or_a_topic_that_has_no_room_in_a_packet_is_refused():
    assert settings(mqtt={"username": "ü" * 32_767}).mqtt.username
    assert "mqtt.username: Value error, 65536 bytes, more than the 65535" in complaint(mqtt={"username": "ü" * 32_768})
    assert "65545 bytes" in complaint(inputs=[{"topic": "x" * 65_535 + "/{machine}", "sensor": "{machine}"}])
    assert settings(agent={**AGENT, "prefix": "Anlage ü\ufeff/a b"}).agent.prefix


@pytest.mark.parametrize("url", ["mqtt://me:hunter2@b", "http://me:hunter2@b/x", "me:hunter2@b", "mqtt://hunter2@b:x"])
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str):
    text = complaint(mqtt={"url": url})
    assert "password_file" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("section", "values", "named"),
    [
        ("agent", {"id": "a/b"}, "agent.id"),
        ("agent", {"id": "_agent"}, "agent.id"),
        ("agent", {"prefix": "drsn/#"}, "agent.prefix"),
        ("agent", {"prefix": "drsn/"}, "agent.prefix"),
        ("agent", {"prefix": "$SYS"}, "agent.prefix"),
        ("agent", {"prefix": "a/b\x01"}, "agent.prefix"),
        ("agent", {"prefix": "x" * 201}, "agent.prefix"),
        ("agent", {"backend": "cuda"}, "agent.backend"),
        ("agent", {"max_sensors": 0}, "agent.max_sensors"),
        ("agent", {"max_sensor": 9}, "agent.max_sensor"),
        ("agent", {"health_every_s": float("nan")}, "agent.health_every_s"),
        ("mqtt", {"protocol": "4"}, "mqtt.protocol"),
        ("mqtt", {"keepalive_s": 0}, "mqtt.keepalive_s"),
        ("inference", {"max_batch": 0}, "inference.max_batch"),
        ("alarms", {"raise_after": "9/8"}, "alarms.raise_after"),
        ("alarms", {"raise_after": 6}, "alarms.raise_after"),
        ("alarms", {"severity": {"ball": "bad"}}, "alarms.severity.ball"),
        ("sensors", [{"match": "a", "alarms": {"raise": "1/1"}}], "sensors.0.alarms.raise"),
        ("inputs", [{**INPUT, "codec": "xml"}], "inputs.0.codec"),
        ("inputs", [{**INPUT, "hop_windows": 0}], "inputs.0.hop_windows"),
        ("inputs", [{**INPUT, "hop_windows": 1.5}], "inputs.0.hop_windows"),
        ("inputs", [{**INPUT, "channels": ["a/b"]}], "inputs.0.channels"),
        ("inputs", [{**INPUT, "channels": {"x": "a["}}], "inputs.0.channels"),
        ("inputs", [{**INPUT, "channels": {"x": "a.b"}}], "inputs.0"),  # a frame has no paths
        ("inputs", [{**INPUT, "fields": {"samples": "vals["}}], "inputs.0.fields.samples"),
        ("inputs", [{**INPUT, "time_zone": "Mars/Olympus"}], "inputs.0.time_zone"),
        ("inputs", [{**INPUT, "preset": "toaster"}], "inputs.0"),
        ("inputs", [{**INPUT, "channels": ["x", "x"]}], "inputs.0.channels"),
        ("inputs", [{**INPUT, "codec": "raw"}], "inputs.0"),
        ("inputs", [{**INPUT, "topic": "plant/#"}], "inputs.0"),
        ("inputs", [{**INPUT, "sensor": "{other}"}], "inputs.0"),
        ("inputs", [{**INPUT, "max_packet_bytes": 1 << 30}], "inputs.0.max_packet_bytes"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(section: str, values: object, named: str):
    given = {**AGENT, **values} if section == "agent" else values
    assert complaint(**{section: given}).startswith(f"{named}: ")


def test_the_agent_does_not_read_what_it_writes():
    for topic in ("drsn/v1/{machine}/alarm", "drsn/v1/x/{machine}", "{a}/{b}/{machine}/event", "{a}/{b}/{c}/{machine}"):
        looped = {**INPUT, "topic": topic}
        assert "also matches topics that the agent publishes under 'drsn/v1'" in complaint(inputs=[looped])
        assert settings(inputs=[looped], agent={**AGENT, "prefix": "some/other/place"}).inputs[0].topic == topic
    assert settings(inputs=[{**INPUT, "topic": "{a}/{b}/{machine}/raw"}])


def test_two_topics_that_overlap_are_refused_for_a_broker_would_deliver_twice():
    both = [INPUT, {"topic": "plant/press4/frame", "sensor": "x"}]
    assert "inputs[1] (topic plant/press4/frame) and inputs[0] (topic plant/{machine}/frame) overlap" in complaint(
        inputs=both
    )


def test_several_inputs_may_read_one_topic_into_different_sensors():
    x, y = ({**INPUT, "codec": "json", "sensor": f"{{machine}}-{axis}", "fields": {"samples": axis}} for axis in "xy")
    assert len(settings(inputs=[x, y]).inputs) == 2
    other_name = {**x, "topic": INPUT["topic"].replace("{machine}", "{m}"), "sensor": "{m}-x"}
    for twin in (x, other_name, {**INPUT, "codec": "json", "channels": ["x"]}):
        assert "and inputs[0] have the same topic and the same sensor 'level1-x'" in complaint(inputs=[x, twin])


def test_a_preset_lies_below_what_is_set():
    entry = settings(inputs=[{**INPUT, "preset": "node-red", "fields": {"t0": "ts"}, "sample_rate_hz": 4000}]).inputs[0]
    assert (entry.codec, entry.fields.samples, entry.fields.t0, entry.t0_unit) == ("json", "payload", "ts", "ms")
    assert settings(inputs=[{"preset": "sparkplug"}]).inputs[0].topic == "spBv1.0/{group}/{type}/{node}/{device}"
    assert "preset 'toaster' is not one of json-axes, " in complaint(inputs=[{**INPUT, "preset": "toaster"}])


def test_without_an_input_there_is_nothing_to_do():
    with pytest.raises(ValidationError, match="inputs"):
        settings(inputs=[])


def test_own_limits_of_the_level_rise_and_units_are_known():
    ok = settings(sensors=[{"match": "a", "level_limits_mm_s": [1.0, 2.0, 3.0], "machine_group": "large_rigid"}])
    assert ok.sensors[0].level_limits_mm_s == (1, 2, 3)
    for limits in ([1, 1, 2], [0, 1, 2], [3, 2, 1], [1, 2, float("inf")]):
        assert "three rising limits" in complaint(sensors=[{"match": "a", "level_limits_mm_s": limits}])
    assert "machine_group" in complaint(sensors=[{"match": "a", "machine_group": "1"}])
    assert settings(inputs=[{**INPUT, "unit": "m/s^2"}]).inputs[0].unit == "m/s^2"
    assert "unit 'G' is not one of g, mg" in complaint(inputs=[{**INPUT, "unit": "G"}])
