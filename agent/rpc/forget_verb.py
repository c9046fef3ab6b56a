"""The verb `forget`: a sensor that is gone leaves nothing behind but its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.rpc.dispatcher import Work, sensor_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.acquisition.intake import Intake
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.evidence.recorder import Recorder
    from drsn.agent.schema.documents import CommandDocument


def verb(pipeline: AlarmEngine, intake: Intake, recorder: Recorder) -> Callable[[CommandDocument, int], Work]:
    """What does it: state, cursor, place and windows in memory go; the loop commits that, and empties the alarm."""

    def forget(command: CommandDocument, _now_unix_ns: int) -> Work:
        sensor = sensor_of(command)
        outcome = pipeline.forget(sensor, command.by)
        intake.forget(sensor)
        recorder.forget(sensor)
        return Work((outcome,))

    return forget
