"""All public documents, and the JSON Schema of each; docs/reference/schemas/ has them as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drsn.agent.schema.agent_state import HealthDocument, StatusDocument
from drsn.agent.schema.alarm_summary import AlarmsDocument
from drsn.agent.schema.documents import (
    AlarmDocument,
    CommandDocument,
    EventDocument,
    ReplyDocument,
    ResultDocument,
)
from drsn.agent.schema.evidence import EvidenceDocument

if TYPE_CHECKING:
    from drsn.model.contract import Frozen

DOCUMENTS: tuple[type[Frozen], ...] = (
    AlarmDocument,
    AlarmsDocument,
    EventDocument,
    ResultDocument,
    StatusDocument,
    HealthDocument,
    CommandDocument,
    ReplyDocument,
    EvidenceDocument,
)


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of every document, by the topic's last level."""
    return {
        document.__name__.removesuffix("Document").lower(): document.model_json_schema(mode="serialization")
        for document in DOCUMENTS
    }
