"""The verb `reload`: check what is on the disk and begin anew with it; the service does that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.rpc.reply import Work

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument

RELOAD: Final = "reload"
"""The verb that ends this process: the next process answers what this one has not."""


def reload(context: CommandContext, command: CommandDocument, _now_unix_ns: int) -> Work:
    """Begin the check."""
    assert context.reload is not None, "else it is not offered"
    context.reload(command.request_id)
    return Work(pending="checks what is on the disk now")
