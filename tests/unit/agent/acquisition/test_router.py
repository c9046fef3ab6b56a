from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from drsn.agent.acquisition.codecs import PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.notice import WARNING, Notices
from drsn.agent.acquisition.router import Input, Router, sensor_ids
from drsn.agent.acquisition.shard import Shard
from drsn.agent.mqtt.topics import TopicPattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.mqtt.message import Message


def entry(topic: str, channels: tuple[str, ...] = ()) -> Input:
    return Input(
        pattern=TopicPattern(topic, "{s}"),
        codec="raw",
        payload_format=PayloadFormat(),
        sample_rate_hz=None,
        channels=channels,
        hop_windows=1.0,
        continuous=False,
        max_packet_bytes=16,
    )


RAW, PAIR, SUFFIX, HALL = entry("raw/{s}"), entry("pair/{s}", ("x", "y")), entry("{s}/a"), entry("hall/{h}/{s}")


@pytest.fixture
def notices() -> Notices:
    return Notices()


@pytest.fixture
def router(notices: Notices) -> Router:
    return Router((RAW, PAIR, SUFFIX, HALL), 16, notices)


def test_the_first_input_whose_pattern_fits_reads_a_topic(router: Router, make_message: Callable[..., Message]):
    assert router.route(make_message("raw/a")) == ((RAW, "a", ("a",)),)
    assert router.route(make_message("x/a")) == ((SUFFIX, "x", ("x",)),)


def test_named_channels_are_sensors_of_their_own():
    assert sensor_ids(PAIR, "m") == ("m-x", "m-y")
    assert sensor_ids(RAW, "m") == ("m",)


@pytest.mark.parametrize(
    ("reason", "topic", "options"),
    [
        (Reason.RETAINED, "raw/a", {"retained": True}),
        (Reason.TOO_LARGE, "raw/a", {"payload": bytes(17)}),
        (Reason.EMPTY, "raw/a", {"payload": b""}),
        (Reason.UNKNOWN_TOPIC, "raw/a/b", {}),
        (Reason.ILLEGAL_SENSOR, "raw/" + 22 * "ü", {}),  # 88 characters when escaped
        (Reason.ILLEGAL_SENSOR, "raw/", {}),
        (Reason.ILLEGAL_SENSOR, "pair/" + 63 * "m", {}),  # too long with the name of its channel
    ],
)
def test_a_message_is_refused_by_topic_size_and_retain_flag(
    reason: Reason, topic: str, options: dict[str, Any], router: Router, make_message: Callable[..., Message]
):
    with pytest.raises(PacketError) as refusal:
        router.route(make_message(topic, **options))
    assert refusal.value.reason is reason


def test_a_flood_of_topics_does_not_fill_the_memory(router: Router, make_message: Callable[..., Message]):
    for number in range(100):
        router.route(make_message(f"raw/s{number}"))
        assert len(router) <= 16


def test_two_topics_with_one_sensor_id_give_one_warning(
    router: Router, notices: Notices, make_message: Callable[..., Message]
):
    for _ in range(3):
        router.route(make_message("raw/m"))
    assert notices.take() == []
    for _ in range(3):
        router.route(make_message("hall/north/m"))
    (notice,) = notices.take()
    assert (notice.level, notice.key) == (WARNING, ("shared", "m"))
    assert notice.event == "two topics have the same sensor id: change the input's `sensor` template"
    assert notice.fields == {"sensor": "m", "topic": "hall/north/m", "other": "raw/m"}


def test_a_topic_longer_than_its_pattern_allows_is_refused_and_not_cached(
    router: Router, make_message: Callable[..., Message]
):
    """A level that is not part of the sensor's id may have 65,000 characters: a gigabyte of cached topics."""
    longest = f"hall/{'h' * 511}/a"
    assert len(longest) == len("hall//") + 2 * 256
    for topic in (longest.replace("/a", "h/a"), f"hall/{'h' * 65_000}/a"):
        with pytest.raises(PacketError) as refusal:
            router.route(make_message(topic))
        assert refusal.value.reason is Reason.UNKNOWN_TOPIC
        assert len(str(refusal.value)) < 200
    assert len(router) == 0
    assert router.route(make_message(longest)) == ((HALL, "a", ("a",)),)


def test_a_sensor_of_another_shard_has_no_route_whatever_its_message_is(
    notices: Notices, make_message: Callable[..., Message]
):
    shards = [Shard(number, 3) for number in (1, 2, 3)]
    inputs = [tuple(replace(entry, shard=shard) for entry in (RAW, PAIR, SUFFIX)) for shard in shards]
    routers = [Router(entries, 4, notices) for entries in inputs]
    for topic in [f"raw/s{number}" for number in range(8)] + ["pair/m"]:
        routes = [router.route(make_message(topic)) for router in routers]
        assert sorted(map(len, routes)) == [0, 0, 1]
        assert [router.route(make_message(topic)) for router in routers] == routes
    for number in range(4, 40):
        assert len(routers[0].route(make_message(f"raw/s{number}"))) < 2
        assert len(routers[0]) <= 12, "4 places for each of three shards, because topics of other shards have one too"
    owner = next(router for router in routers if router.route(make_message("raw/a")))
    others = [router for router in routers if router is not owner]
    assert [router.route(make_message("raw/a", retained=True)) for router in others] == [(), ()]
    with pytest.raises(PacketError, match="retained"):
        owner.route(make_message("raw/a", retained=True))
