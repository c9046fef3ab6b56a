"""`drsn-opcua` with a real agent, a real broker and asyncua's client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import own_loop
import pytest
from opcua_bridge import SENSOR, opcua_bridge, play
from servers import poll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

asyncua = pytest.importorskip("asyncua")
ua = asyncua.ua

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
]  # the server makes the nodes of the standard: seconds of a core

ALARM = f"drsn/v1/{SENSOR}/alarm"
SENSOR_NODE = f"ns=2;s=tester/{SENSOR}"
CONDITION = f"{SENSOR_NODE}/conditions/inner_race"


class Client:
    """A client with one subscription to alarms."""

    def __init__(self, client) -> None:
        self.client, self.events, self.item = client, [], 0

    def event_notification(self, event: object) -> None:
        self.events.append(event)

    async def subscribe(self):
        subscription = await self.client.create_subscription(50, self)
        alarms = ua.ObjectIds.AlarmConditionType
        self.item = await subscription.subscribe_alarms_and_conditions(evtypes=alarms, queuesize=100)
        return subscription

    async def until(self, condition: Callable[[], object], timeout_s: float = 15) -> list:
        for _ in range(int(timeout_s / 0.05)):
            if found := condition():
                return found
            await asyncio.sleep(0.05)
        raise AssertionError([vars(event) for event in self.events])

    async def value(self, node: str) -> object:
        return (await self.client.get_node(node).read_data_value(raise_on_bad_status=False)).Value.Value

    async def status(self, node: str) -> str:
        return (await self.client.get_node(node).read_data_value(raise_on_bad_status=False)).StatusCode.name

    async def call(self, node: str, method: str, *arguments: object) -> str:
        request = ua.CallMethodRequest(
            ObjectId=ua.NodeId.from_string(node),
            MethodId=ua.NodeId(getattr(ua.ObjectIds, method)),
            InputArguments=[each if isinstance(each, ua.Variant) else ua.Variant(each) for each in arguments],
        )
        (result,) = await self.client.uaclient.call([request])
        return result.StatusCode.name


@asynccontextmanager
async def connected(endpoint: str) -> AsyncIterator[Client]:
    async with asyncua.Client(endpoint) as client:
        yield Client(client)


def of_condition(events: list, **wanted: object) -> list:
    """Events of conditions with these fields; `_` stands for `/`."""
    fields = [{key.replace("/", "_"): value for key, value in vars(event).items()} for event in events]
    return [
        event
        for event, each in zip(events, fields, strict=True)
        if all(each.get(name) == value for name, value in wanted.items())
    ]


def test_an_alarm_is_seen_refreshed_acknowledged_and_shelved(mosquitto, make_agent, wait_until, tmp_path):
    agent = make_agent(mosquitto.url)
    agent.start()

    async def scene(endpoint: str) -> None:
        async with connected(endpoint) as client, connected(endpoint) as other:
            subscription = await client.subscribe()
            await asyncio.to_thread(play, mosquitto, 1_700_000_000)
            (raised,) = await client.until(
                lambda: of_condition(client.events, ActiveState_Id=True, AckedState_Id=False)
            )
            assert (raised.SourceName, raised.ConditionName, raised.Retain) == (SENSOR, "inner_race", True)
            assert raised.NodeId == ua.NodeId.from_string(CONDITION)
            assert await client.value(f"{SENSOR_NODE}/State") == "active_unacked"
            assert await client.status(f"{SENSOR_NODE}/State") == "Good"
            assert await client.value(f"{SENSOR_NODE}/Rms") > 0
            assert await client.value(f"{CONDITION}/AckedState/Id") is False
            await refreshed(client, subscription)
            await refused(client, other, subscription, raised)
            await acknowledged(client, raised)
            await shelved(client)

    with opcua_bridge(mosquitto.url, tmp_path) as endpoint:
        own_loop.run(scene(endpoint))
        alarm = mosquitto.one(ALARM)
    assert (alarm["conditions"][0]["acked_by"], alarm["state"]) == ("opcua", "active_acked")


async def refreshed(client: Client, subscription) -> None:
    """A refresh gives the standing alarm once more, between its begin and its end."""
    for name, more in (("ConditionRefresh", []), ("ConditionRefresh2", [client.item])):
        client.events.clear()
        numbers = [ua.Variant(n, ua.VariantType.UInt32) for n in (subscription.subscription_id, *more)]
        assert await client.call("i=2782", f"ConditionType_{name}", *numbers) == "Good"
        await client.until(lambda: len(client.events) == 3)
        kinds = [event.EventType.Identifier for event in client.events]
        assert kinds == [ua.ObjectIds.RefreshStartEventType, ua.ObjectIds.AlarmConditionType,
                         ua.ObjectIds.RefreshEndEventType]  # fmt: skip


async def refused(client: Client, other: Client, subscription, raised) -> None:
    number, comment = ua.Variant(subscription.subscription_id, ua.VariantType.UInt32), ua.LocalizedText("seen")
    ack = "AcknowledgeableConditionType_Acknowledge"
    assert await other.call("i=2782", "ConditionType_ConditionRefresh", number) == "BadSubscriptionIdInvalid"
    assert await client.call(CONDITION, ack, b"no such event", comment) == "BadEventIdUnknown"
    assert await client.call(SENSOR_NODE, ack, raised.EventId, comment) == "BadNodeIdUnknown"
    assert await client.call(CONDITION, ack, raised.EventId) == "BadInvalidArgument"


async def acknowledged(client: Client, raised) -> None:
    client.events.clear()
    ack, comment = "AcknowledgeableConditionType_Acknowledge", ua.LocalizedText("seen it")
    assert await client.call(CONDITION, ack, raised.EventId, comment) == "Good"
    (acked,) = await client.until(lambda: of_condition(client.events, AckedState_Id=True))
    assert (acked.Retain, acked.ClientUserId, acked.Comment.Text) == (True, "opcua", "seen it")
    assert await client.call(CONDITION, ack, acked.EventId, comment) == "BadConditionBranchAlreadyAcked"
    assert await client.call(CONDITION, "ConditionType_AddComment", acked.EventId, ua.LocalizedText("more")) == "Good"
    await client.until(lambda: of_condition(client.events, Comment=ua.LocalizedText("more")))


async def shelved(client: Client) -> None:
    shelving, shelve = f"{CONDITION}/ShelvingState", "AlarmConditionType_ShelvingState_TimedShelve"
    client.events.clear()
    assert await client.call(shelving, shelve, 9 * 3_600_000.0) == "BadShelvingTimeOutOfRange"
    assert await client.call(shelving, "AlarmConditionType_ShelvingState_Unshelve") == "BadConditionNotShelved"
    assert await client.call(shelving, shelve, 60_000.0) == "Good"
    (event,) = await client.until(lambda: of_condition(client.events, SuppressedOrShelved=True))
    assert vars(event)["ShelvingState/CurrentState"].Text == "Timed Shelved"
    assert await client.call(shelving, "AlarmConditionType_ShelvingState_Unshelve") == "Good"
    await client.until(lambda: of_condition(client.events, SuppressedOrShelved=False))


def test_the_quality_shows_a_broken_connection_and_an_agent_that_is_stopped(mosquitto, make_agent, tmp_path):
    agent = make_agent(mosquitto.url)
    agent.start()
    play(mosquitto, 1_700_000_000)
    poll(lambda: mosquitto.one(ALARM).get("state") == "active_unacked", what="the alarm")

    async def scene(endpoint: str) -> None:
        async with connected(endpoint) as client:

            async def until(expected: str) -> None:
                for _ in range(300):
                    if await client.status(f"{SENSOR_NODE}/State") == expected:
                        return
                    await asyncio.sleep(0.1)
                raise AssertionError(await client.status(f"{SENSOR_NODE}/State"))

            await until("Good")
            await client.subscribe()
            await asyncio.to_thread(mosquitto.stop)
            await until("UncertainNoCommunicationLastUsableValue")
            uncertain = "UncertainNoCommunicationLastUsableValue"  # the last will of the agent may come before it
            await client.until(lambda: [event for event in client.events if event.Quality.name == uncertain])
            await asyncio.to_thread(mosquitto.start)
            await until("Good")
            assert await asyncio.to_thread(agent.stop) == 0
            await until("BadNoCommunication")

    with opcua_bridge(mosquitto.url, tmp_path) as endpoint:
        own_loop.run(scene(endpoint))
