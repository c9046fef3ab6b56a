"""`drsn-agent alarms`, `events`, `trend`, and the commands of an operator: `ack`, `shelve` and so on."""

from __future__ import annotations

import getpass
import json
import sys
from typing import TYPE_CHECKING, Any

from drsn.agent.schema.documents import MAX_SEQ
from drsn.agent.settings.broker_options import broker_of, prefix_of
from drsn.agent.tools.operator.baselines import differences, read_baseline, shown_lines, write_baseline
from drsn.agent.tools.operator.table import (
    alarm_lines,
    clean_line,
    commission_line,
    despite_lines,
    done_line,
    event_line,
    stale,
)
from drsn.agent.tools.operator.trend_table import trend_lines
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, UnavailableError, UsageError, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from drsn.agent.schema.documents import ReplyDocument
    from drsn.agent.tools.operator.client import Client

ANSWER_S = 5.0
PROGRESS_S = 20.0
"""Longest time between two answers of a commissioning, which reports progress every five seconds."""

RESTART_S = 60.0
"""A restart takes two seconds on a PC: an ordered stop, the self-test of the bundle, and the connection."""

RELOAD_S = 150.0
"""Longest reload: the check has 60 s, the ordered end 10 s, and the next start, with a check of its own, the rest."""


def alarms(arguments: argparse.Namespace) -> int:
    """Show the retained alarms and the sources that are not watched; bad documents are named afterwards.

    Raises:
        UnavailableError: there is no document of any agent.
    """
    with _client(arguments, healths=True) as client:
        found = client.retained
    found.add_summaries()
    not_watched = found.not_watched()
    if arguments.json:
        documents = {"alarms": found.alarms, "agents": found.statuses, "not_watched": not_watched}
        print(json.dumps({**documents, "malformed": found.malformed, "stale": stale(found.alarms, found.statuses)}))
    elif found.alarms or found.statuses:
        _print(alarm_lines(found.alarms, found.statuses, not_watched, every=arguments.all))
    found.require_all_sound()
    if not (found.alarms or found.statuses):
        raise UnavailableError(
            f"no agent found under {client.prefix} at {client.where}: check --prefix and whether an agent runs; the "
            "account may lack the right to read there; if the broker gives no retained messages to wildcards "
            "(RabbitMQ), name the agent: --agent ID"
        )
    return EXIT_OK


def events(arguments: argparse.Namespace) -> int:
    """Show the events of a sensor, page by page."""
    if not 0 <= arguments.from_seq <= MAX_SEQ:
        raise UsageError(f"--from-seq {arguments.from_seq}: 0 to {MAX_SEQ}")
    found: list[dict[str, Any]] = []
    unreadable: list[int] = []
    from_seq, more = arguments.from_seq, True
    while more:
        with _client(arguments) as client:
            agent = client.agent_of(arguments.sensor)
            fields = {"sensor": arguments.sensor, "from_seq": from_seq, "by": _who(arguments)}
            reply = next(client.call(agent, "events", fields, ANSWER_S))
        if not reply.ok:
            return _show(reply, arguments)
        found += [event.model_dump(mode="json") for event in reply.events]
        unreadable += reply.unreadable
        seen = [*(event.seq for event in reply.events), *reply.unreadable]
        more = reply.more and bool(seen)
        from_seq = max(seen, default=from_seq) + 1
    if arguments.json:
        print(json.dumps({"events": found, "unreadable": unreadable}))
    else:
        _print(map(event_line, found))
        _print([f"{arguments.sensor}: {len(found)} events from seq {arguments.from_seq} on"])
    if unreadable:
        print(
            f"drsn-agent: warning: {printable(arguments.sensor)}: {len(unreadable)} events left out, their rows in the "
            f"agent's journal are damaged: seq {', '.join(map(str, unreadable))}",
            file=sys.stderr,
        )
    return EXIT_OK


def trend(arguments: argparse.Namespace) -> int:
    """Show the trend of a sensor."""
    with _client(arguments) as client:
        agent = client.agent_of(arguments.sensor)
        reply = next(client.call(agent, "trend", {"sensor": arguments.sensor, "by": _who(arguments)}, ANSWER_S))
    if reply.trend is None or not reply.ok:
        return _show(reply, arguments)
    if arguments.json:
        print(reply.trend.model_dump_json())
    else:
        _print(trend_lines(arguments.sensor, reply.trend))
    return EXIT_OK


def command_alarm(arguments: argparse.Namespace) -> int:
    """Send one command about a sensor and show its answer."""
    fields: dict[str, Any] = {"sensor": arguments.sensor, "by": _who(arguments)}
    fields |= {"condition": arguments.condition, "comment": arguments.comment}
    if arguments.verb == "shelve":
        if not 0 < arguments.hours <= 8:
            raise UsageError(f"--hours {arguments.hours:g}: above 0, 8 at most")
        fields["duration_s"] = arguments.hours * 3600
    with _client(arguments) as client:
        agent = client.agent_of(arguments.sensor)
        if arguments.verb == "ack":
            fields["event_id"] = arguments.event_id or _standing(client, arguments)
        reply = next(client.call(agent, arguments.verb, fields, ANSWER_S))
    code = _show(reply, arguments)
    if reply.ok and not arguments.json:
        until = max((event.shelved_until for event in reply.events if event.shelved_until), default=None)
        _print([done_line(arguments.verb, arguments.sensor, arguments.condition, agent, until)])
    return code


def commission(arguments: argparse.Namespace) -> int:
    """Commission a machine and wait for the end; or show, export or undo its baseline."""
    shows = arguments.show or arguments.export is not None
    fields: dict[str, Any] = {"sensor": arguments.sensor, "by": _who(arguments), "comment": arguments.comment}
    fields |= {"undo": arguments.undo, "gate": arguments.gate, "show": shows, "seconds": arguments.seconds}
    fields["despite_alarm"] = arguments.despite_alarm
    if arguments.imported is not None:
        fields["baseline"] = read_baseline(arguments.imported).to_text()
    with _client(arguments) as client:
        agent = client.agent_of(arguments.sensor)
        if arguments.despite_alarm:
            _ask_whether_healthy(client, arguments)
        shown = ""
        for reply in client.call(agent, "commission", fields, PROGRESS_S):
            if reply.pending is None:
                break
            if reply.pending != shown:  # some brokers deliver an answer once for each filter that it fits
                print(printable(f"{arguments.sensor}: {reply.pending}"), file=sys.stderr, flush=True)
            shown = reply.pending
    if reply.ok and arguments.export is not None:
        write_baseline(arguments.export, arguments.sensor, reply.baseline)
    if reply.ok and not arguments.json:
        _print([commission_line(arguments.sensor, reply.commission, undone=arguments.undo)])
        if arguments.show:
            _print(shown_lines(reply.baseline, reply.unknown_state))
    return _show(reply, arguments)


def baselines(arguments: argparse.Namespace) -> int:
    """Show where two baselines differ by more than a change needs; exit code 1 if they do."""
    first, second = (read_baseline(path) for path in arguments.files)
    found = differences(first, second)
    if arguments.json:
        print(json.dumps({"differences": found}))
    else:
        _print([f"{each['state']}: {each['what']} {each['by']:+.1f} {each['unit']}".rstrip() for each in found])
        _print([f"{len(found)} differences" if found else "no difference that would count as a change"])
    return EXIT_NEGATIVE if found else EXIT_OK


def reload(arguments: argparse.Namespace) -> int:
    """Make an agent check what is on its disk and restart with it; wait until it is back."""
    fields: dict[str, Any] = {"by": _who(arguments), "comment": arguments.comment}
    with _client(arguments) as client:
        agent = client.checked(arguments.agent)
        instance = client.retained.status(agent).get("instance")
        for reply in client.call(agent, "reload", fields, ANSWER_S, RELOAD_S):
            if reply.pending is None:
                break
            print(printable(f"{agent}: {reply.pending}"), file=sys.stderr, flush=True)
        if reply.ok:
            print(printable(f"{agent}: the check passed, it restarts"), file=sys.stderr, flush=True)
            client.wait_for_restart(agent, instance, RESTART_S)
    if reply.ok and not arguments.json:
        _print([f"{agent}: has restarted with the settings and the bundle on its disk; undo: change them back, reload"])
    return _show(reply, arguments)


def clean(arguments: argparse.Namespace) -> int:
    """Show what an agent has left at the broker, and remove it with `--yes`; exit code 1 while the agent is online."""
    from drsn.agent.tools.operator.clean import Remains  # noqa: PLC0415 (paho is slow to import)

    remains = Remains(arguments)
    documents, removed = dict(remains.states), False
    if documents and arguments.yes and not remains.online:
        remains.remove()
        removed = True
    if arguments.json:
        print(json.dumps({"documents": documents, "online": remains.online, "removed": removed}))
    else:
        _print(f"{topic} {state}".rstrip() for topic, state in documents.items())
        _print([clean_line(arguments.agent, len(documents), online=remains.online, removed=removed)])
    return EXIT_NEGATIVE if remains.online else EXIT_OK


def _client(arguments: argparse.Namespace, *, healths: bool = False) -> Client:
    from drsn.agent.tools.operator.client import Client  # noqa: PLC0415 (paho is slow to import)

    agent, sensor = (getattr(arguments, name, None) for name in ("agent", "sensor"))
    return Client(broker_of(arguments), prefix_of(arguments), healths=healths, agent=agent, sensor=sensor)


def _ask_whether_healthy(client: Client, arguments: argparse.Namespace) -> None:
    """Show what a commissioning despite an alarm risks.

    Raises:
        UsageError: who has looked at the machine, or the reason, is not given.
    """
    standing = client.retained.alarm(arguments.sensor).get("conditions", ())
    for line in despite_lines(arguments.sensor, standing):
        print(printable(line), file=sys.stderr, flush=True)
    missing = [name for name in ("by", "comment") if not (getattr(arguments, name) or "").strip()]
    if missing:
        raise UsageError(
            f"--despite-alarm needs {' and '.join(f'--{name}' for name in missing)}: who has looked at the machine, "
            "and why is it healthy?"
        )


def _standing(client: Client, arguments: argparse.Namespace) -> str | None:
    """The id of the event that made the alarm as it stands, which is what the operator sees."""
    standing = client.retained.alarm(arguments.sensor).get("conditions", ())
    return next(
        (str(each.get("event_id")) for each in standing if each.get("condition") == arguments.condition), "none"
    )


def _who(arguments: argparse.Namespace) -> str:
    return getattr(arguments, "by", None) or getpass.getuser()


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(printable(line))


def _show(reply: ReplyDocument, arguments: argparse.Namespace) -> int:
    if arguments.json:
        print(reply.model_dump_json())
    elif reply.ok:
        _print(event_line(event.model_dump(mode="json")) for event in reply.events)
    else:
        _print([f"refused: {reply.reason}"])
    return EXIT_OK if reply.ok else EXIT_NEGATIVE
