"""What `drsn-agent init` shows: lines for people, and one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drsn.agent.tools.init.first_result import FirstResult
    from drsn.agent.tools.init.listening import Traffic
    from drsn.agent.tools.init.survey import InputSurvey, ProposedInput, Unread

MAX_UNREAD: Final = 12
MAX_SHOWN: Final = 3


def traffic_lines(traffic: Traffic) -> Iterator[str]:
    """What came, in one line."""
    yield (
        f"{traffic.count} messages on {len(traffic.arrivals)} topics within {traffic.seconds:.0f} s"
        f" ({traffic.per_second:.0f} a second)"
    )
    if traffic.retained:
        yield f"{len(traffic.retained)} topics had a retained message, which is old and is not read"


def survey_lines(survey: InputSurvey) -> Iterator[str]:
    """Each input that is proposed, and what is not read."""
    for number, each in enumerate(survey.inputs, 1):
        yield from _input_lines(number, each)
    told = [each for each in survey.unread if each.remedy]
    for unread in told[:MAX_UNREAD]:
        yield from unread_lines(unread)
    if len(told) > MAX_UNREAD:
        yield f"and {len(told) - MAX_UNREAD} more kinds of payloads that are not read"
    others = [topic for each in survey.unread if not each.remedy for topic in each.topics]
    if others:
        yield f"no vibration: {_named(others)}"


def _input_lines(number: int, each: ProposedInput) -> Iterator[str]:
    if each.read is None:
        yield f"input {number}: the edge nodes of Sparkplug, for their births"
        return
    settings, read = each.settings, each.read
    sensors = len(each.topics)
    codec = f"preset {settings['preset']}" if "preset" in settings else f"codec {settings['codec']}"
    channels = settings.get("channels", ())
    yield f"input {number}: {settings.get('topic', 'spBv1.0/…')} ({sensors} topic{'s' * (sensors != 1)}), {codec}"
    yield f"  channels: {', '.join(channels) if channels else 'one'}; {read.trial.samples} samples in a packet"
    mark = "GUESS, " if "sample_rate_hz" in each.guesses else ""
    yield f"  rate: {read.rate_hz:g} Hz ({mark}{read.rate_note})"
    first = read.trial.packets[0]
    has = [
        name
        for name, value in (
            ("seq", first.seq),
            ("t0", first.t0_unix_ns),
            ("unit", None if "unit" in settings else first.unit),
        )
        if value is not None
    ]
    yield f"  in the packets: {', '.join(has) or 'neither seq nor t0'}"
    yield f"  score {read.candidate.score:.2f}: {'; '.join(read.candidate.reasons)}"
    for key, why in each.guesses.items():
        if key != "sample_rate_hz":
            yield f"  GUESS {key} = {settings.get(key, settings.get('fields', {}).get(key))}: {why}"
    yield from (f"  DOUBT: {doubt}" for doubt in read.doubts)


def unread_lines(unread: Unread) -> Iterator[str]:
    """Why topics are not read, what came, and what to do."""
    yield f"not read: {_named(unread.topics)}"
    yield f"  came: {unread.shown}"
    yield f"  why: {unread.reason}"
    unlike = [each for at, each in enumerate(unread.candidates) if each not in unread.candidates[:at]]
    for each in unlike[:MAX_SHOWN]:
        yield f"  possible: {', '.join(f'{key} = {value}' for key, value in each.settings.items())}"
    yield f"  do: {unread.remedy}"


def _named(topics: Sequence[str]) -> str:
    more = f" and {len(topics) - MAX_SHOWN} more" if len(topics) > MAX_SHOWN else ""
    return f"{', '.join(topics[:MAX_SHOWN])}{more}"


def result_lines(found: FirstResult) -> Iterator[str]:
    """The first result, or why there is none."""
    if found.result is not None:
        result = found.result
        yield (
            f"first result after {found.seconds:.0f} s: sensor {result['sensor']}, {result['condition']} "
            f"(confidence {result['confidence']:.2f}, RMS {result['rms']:.4g} {result['unit'] or 'without a unit'})"
        )
        yield from (f"  {warning}" for warning in found.warnings)
        return
    yield f"no result within {found.seconds:.0f} s"
    if not found.connected:
        yield "  the agent was not subscribed to its inputs; `drsn-agent doctor` finds out why"
    for each in found.not_watched[:MAX_UNREAD]:
        yield f"  {each.get('source')} is not watched: {each.get('reason')}. {each.get('remedy')}"
    yield from (f"  {warning}" for warning in found.warnings)


def survey_json(survey: InputSurvey, traffic: Traffic) -> dict[str, Any]:
    """For scripts."""
    return {
        "traffic": {"messages": traffic.count, "topics": len(traffic.arrivals), "seconds": traffic.seconds},
        "bundle": survey.bundle,
        "inputs": [_input_json(each) for each in survey.inputs],
        "unread": [
            {"topics": list(each.topics), "came": each.shown, "reason": each.reason, "remedy": each.remedy,
             "possible": _settings_of(each.candidates)}
            for each in survey.unread
        ],
    }  # fmt: skip


def _settings_of(candidates: Sequence[Any]) -> list[dict[str, Any]]:
    return [dict(each.settings) for each in candidates]


def _input_json(each: ProposedInput) -> dict[str, Any]:
    read = each.read
    about = {} if read is None else {
        "score": read.candidate.score, "reasons": list(read.candidate.reasons), "doubts": list(read.doubts),
        "sample_rate_hz": read.rate_hz, "rate": read.rate_note, "samples": read.trial.samples,
    }  # fmt: skip
    return {"settings": dict(each.settings), "topics": list(each.topics), "guesses": dict(each.guesses), **about}
