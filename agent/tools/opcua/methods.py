"""The methods of conditions: each becomes a command to the agent, and its reply a status code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from drsn.agent.tools.opcua.condition_fields import MAX_SHELVED_MS
from drsn.agent.tools.opcua.reply_status import status_of
from drsn.agent.tools.opcua.sessions import CALLER
from drsn.agent.tools.opcua.values import status_code

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drsn.agent.tools.opcua.bridge import Bridge
    from drsn.agent.tools.opcua.condition_state import ConditionState

    Method = Callable[..., Awaitable[ua.StatusCode]]

COMMENT_CHARS: Final = 500
"""Of the comment of a command."""


class ConditionMethods:
    """What clients call.

    Args:
        bridge: has the conditions, and sends the commands.
        read_only: refuse everything but a refresh.
    """

    def __init__(self, bridge: Bridge, *, read_only: bool) -> None:
        self._bridge, self._read_only = bridge, read_only

    def table(self) -> dict[str, Method]:
        """Method of the standard -> what runs."""
        return {
            "ConditionType_ConditionRefresh": self.refresh,
            "ConditionType_ConditionRefresh2": self.refresh,
            "AcknowledgeableConditionType_Acknowledge": self.acknowledge,
            "ConditionType_AddComment": self.add_comment,
            "AlarmConditionType_ShelvingState_TimedShelve": self.timed_shelve,
            "ShelvedStateMachineType_TimedShelve": self.timed_shelve,
            "AlarmConditionType_ShelvingState_Unshelve": self.unshelve,
            "ShelvedStateMachineType_Unshelve": self.unshelve,
            "AlarmConditionType_ShelvingState_OneShotShelve": self.one_shot_shelve,
            "ShelvedStateMachineType_OneShotShelve": self.one_shot_shelve,
        }

    async def refresh(self, _parent: ua.NodeId, *arguments: ua.Variant) -> ua.StatusCode:
        """ConditionRefresh(SubscriptionId) and ConditionRefresh2(SubscriptionId, MonitoredItemId)."""
        numbers = [argument.Value for argument in arguments]
        if not 1 <= len(numbers) <= 2 or not all(isinstance(number, int) for number in numbers):
            return status_code("BadInvalidArgument")
        return status_code(await self._bridge.refresh(CALLER.get().session_id, *numbers))

    async def acknowledge(self, parent: ua.NodeId, *arguments: ua.Variant) -> ua.StatusCode:
        """Acknowledge(EventId, Comment)."""
        state, text, problem = self._commented(parent, arguments)
        if state is None:
            return status_code(problem)
        if state.acked:
            return status_code("BadConditionBranchAlreadyAcked")
        event_id = self._bridge.event_ids[state.key][arguments[0].Value]
        return await self._command(state, "ack", {"event_id": event_id, **({"comment": text} if text else {})})

    async def add_comment(self, parent: ua.NodeId, *arguments: ua.Variant) -> ua.StatusCode:
        """AddComment(EventId, Comment): the bridge keeps it, for the agent has no command for it."""
        state, text, problem = self._commented(parent, arguments)
        if state is None:
            return status_code(problem)
        await self._bridge.comment(state.key, text, CALLER.get().name)
        return status_code("Good")

    async def timed_shelve(self, parent: ua.NodeId, *arguments: ua.Variant) -> ua.StatusCode:
        """TimedShelve(ShelvingTime in ms)."""
        state, problem = self._shelvable(parent)
        if state is None:
            return status_code(problem)
        time_ms = arguments[0].Value if len(arguments) == 1 else None
        if not isinstance(time_ms, (int, float)):
            return status_code("BadInvalidArgument")
        if not 0 < time_ms <= MAX_SHELVED_MS:
            return status_code("BadShelvingTimeOutOfRange")
        return await self._command(state, "shelve", {"duration_s": time_ms / 1000})

    async def unshelve(self, parent: ua.NodeId, *_: ua.Variant) -> ua.StatusCode:
        """Unshelve()."""
        state, problem = self._shelvable(parent)
        if state is None:
            return status_code(problem)
        return await self._command(state, "unshelve", {}) if state.shelved else status_code("BadConditionNotShelved")

    async def one_shot_shelve(self, _parent: ua.NodeId, *_: ua.Variant) -> ua.StatusCode:
        """OneShotShelve(): an agent shelves for a time only."""
        return status_code("BadNotSupported")

    def _commented(
        self, parent: ua.NodeId, arguments: tuple[ua.Variant, ...]
    ) -> tuple[ConditionState | None, str, str]:
        """The condition and the comment of a call with an EventId, or the status code that refuses it."""
        if self._read_only:
            return None, "", "BadUserAccessDenied"
        state = self._bridge.condition_at(parent.Identifier)
        if state is None:
            return None, "", "BadNodeIdUnknown"
        if len(arguments) != 2 or not isinstance(arguments[0].Value, bytes):
            return None, "", "BadInvalidArgument"
        if arguments[0].Value not in self._bridge.event_ids.get(state.key, {}):
            return None, "", "BadEventIdUnknown"
        comment = arguments[1].Value
        text = comment.Text if isinstance(comment, ua.LocalizedText) else None
        return state, (text or "")[:COMMENT_CHARS], ""

    def _shelvable(self, parent: ua.NodeId) -> tuple[ConditionState | None, str]:
        """The condition of a call on its ShelvingState, or on itself."""
        if self._read_only:
            return None, "BadUserAccessDenied"
        state = self._bridge.condition_at(str(parent.Identifier).removesuffix("/ShelvingState"))
        return state, "BadNodeIdUnknown"

    async def _command(self, state: ConditionState, verb: str, more: dict[str, Any]) -> ua.StatusCode:
        fields = {"sensor": state.key.sensor, "condition": state.key.condition, "by": CALLER.get().name, **more}
        return status_code(status_of(await self._bridge.command(state.key.agent, verb, fields)))
