"""What each command does, in one line. The command line shows it, and loads nothing else of the commands for it."""

from typing import Final

VERB_HELP: Final = {
    "ack": "acknowledge an alarm",
    "reset": "reset a latched alarm whose cause is gone",
    "shelve": "suppress alarms of a sensor for some time, 8 hours at most",
    "unshelve": "end a shelving",
    "out_of_service": "suppress alarms of a sensor until `in-service`",
    "in_service": "end `out-of-service`",
    "false_alarm": "mark an event as a false alarm, shelve its condition, and keep its windows as a healthy recording",
    "events": "list the events of a sensor, from the agent's journal",
    "evidence": "publish the record of an event",
    "snapshot": "reply with the newest window of a sensor",
    "commission": "learn the baseline of a healthy machine, in a minute",
    "trend": "show the hours and days of a sensor, and when its velocity reaches the next zone",
    "forget": "remove a sensor that no longer exists: its alarm and its state, but not its events",
    "reload": "restart with new settings or another bundle, if they pass the check",
}
"""Verb -> its line; the same verbs as in `verbs.VERBS`."""
