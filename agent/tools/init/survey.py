"""From the messages of a while to the proposed inputs, and to the topics that a person must describe by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.bundles import UNIVERSAL_BANDWIDTH_HZ, shipped, widest_for
from drsn.agent.tools.init.candidate import ABSENT, Candidate
from drsn.agent.tools.init.guess import guess_of
from drsn.agent.tools.init.payload import payload_of
from drsn.agent.tools.init.rate_estimate import RateEstimate, rate_estimate
from drsn.agent.tools.init.topic_patterns import sensor_topics
from drsn.agent.tools.init.trial import NODE, Trial, trial_of
from drsn.model.bundle import open_bundle
from drsn.model.conditioning import native_window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drsn.agent.mqtt.message import Message
    from drsn.agent.tools.init.payload import Payload
    from drsn.agent.tools.init.questions import Questions
    from drsn.agent.tools.init.rate_estimate import Arrivals
    from drsn.model.contract import ModelContract

MAX_TOPICS: Final = 12
"""Topics of a family whose payloads are tried; the others have the same keys, or the same length."""

MAX_MESSAGES: Final = 40
"""Messages of a topic that are tried."""

LOWEST_HZ: Final = 2 * min(UNIVERSAL_BANDWIDTH_HZ.values())
FASTER: Final = 1.25
"""More samples a second than the rate that the packets state, over that rate, from which the rate is doubtful."""

MANY_GAPS: Final = 0.2
"""Share of packets before which samples seem lost, from which `t0` is no proof of continuity."""


@dataclass(frozen=True)
class PayloadFamily:
    """Topics with payloads that are alike."""

    payloads: tuple[Payload, ...]
    """Of some of its topics, in the order of their receipt."""
    topics: tuple[str, ...]

    @property
    def example(self) -> Payload:
        """One payload to show."""
        return self.payloads[-1]

    @property
    def messages(self) -> list[Message]:
        """Of the payloads."""
        return [each.message for each in self.payloads]


@dataclass(frozen=True)
class ReadFamily:
    """A family whose payloads can be read."""

    family: PayloadFamily
    candidate: Candidate
    trial: Trial
    rate_hz: float | None
    """None: nothing gives it."""
    rate_note: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unread:
    """Topics that the agent will not read."""

    topics: tuple[str, ...]
    shown: str
    """What came: the keys of a document, or the first bytes."""
    reason: str
    remedy: str
    candidates: tuple[Candidate, ...] = ()
    """Readings that are possible, where several are."""


@dataclass(frozen=True)
class ProposedInput:
    """One `[[inputs]]`."""

    settings: Mapping[str, Any]
    read: ReadFamily | None
    """None: it belongs to the one before it."""
    topics: tuple[str, ...] = ()
    guesses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class InputSurvey:
    """What was found."""

    inputs: tuple[ProposedInput, ...]
    unread: tuple[Unread, ...]
    bundle: str
    bundle_note: str


def families_of(messages: Iterable[Message]) -> list[PayloadFamily]:
    """Group topics by what their payloads look like; a topic counts by its most frequent kind."""
    by_topic: defaultdict[str, list[Payload]] = defaultdict(list)
    for message in messages:
        if len(by_topic[message.topic]) < MAX_MESSAGES and message.payload:
            by_topic[message.topic].append(payload_of(message))
    groups: defaultdict[tuple[str, ...], dict[str, list[Payload]]] = defaultdict(dict)
    for topic, payloads in by_topic.items():
        if payloads:
            (signature, _), *_ = Counter(each.signature for each in payloads).most_common(1)
            groups[signature][topic] = [each for each in payloads if each.signature == signature]
    found = []
    for topics in groups.values():
        chosen = [each for payloads in list(topics.values())[:MAX_TOPICS] for each in payloads]
        ordered = sorted(chosen, key=lambda each: each.message.received_s)
        found.append(PayloadFamily(tuple(ordered), tuple(topics)))
    return found


def survey_of(
    messages: Sequence[Message],
    arrivals: Mapping[str, Arrivals],
    own_filters: Sequence[str],
    fixed: Mapping[str, Any],
    questions: Questions,
) -> InputSurvey:
    """Find the inputs for some messages.

    Args:
        messages: in the order of their receipt, none retained.
        arrivals: topic -> all its messages, of which some may not be in `messages`.
        own_filters: what agents publish; no input may read it.
        fixed: settings of inputs that a person has stated.
        questions: decides where the packets do not.
    """
    contract = contract_of("universal")
    read: list[ReadFamily] = []
    unread: list[Unread] = []
    for family in families_of(messages):
        guess = guess_of(family.payloads, contract, fixed)
        candidate = guess.accepted or (questions.one_of(family.example, guess.candidates) if guess.candidates else None)
        if candidate is None:
            reason = guess.refusal or "several readings are possible, or the only one is not certain"
            remedy = guess.remedy or ("state the right one with --input KEY=VALUE" if guess.candidates else "")
            unread.append(Unread(family.topics, family.example.shown, reason, remedy, guess.candidates))
            continue
        for each in _with_rates(family, candidate, contract, arrivals, questions):
            refused = _without_rate(each)
            if refused is None:
                read.append(each)
            else:
                unread.append(refused)
    foreign = [*own_filters, *(topic for each in unread for topic in each.topics)]
    bundle, note = bundle_for(read)
    return InputSurvey(tuple(_inputs(read, foreign, contract_of(bundle))), tuple(unread), bundle, note)


def _with_rates(
    family: PayloadFamily,
    candidate: Candidate,
    contract: ModelContract,
    arrivals: Mapping[str, Arrivals],
    questions: Questions,
) -> list[ReadFamily]:
    """The family, split by the rates of its topics where no packet states one."""
    trial = trial_of(candidate.settings, family.messages, contract)
    measured = rate_estimate(trial.times, arrivals)
    if trial.stated_rate_hz is not None or "sample_rate_hz" in candidate.settings:
        rate = float(trial.stated_rate_hz or candidate.settings["sample_rate_hz"])
        faster = measured is not None and measured.measured_hz > FASTER * rate
        doubts = (f"{measured.shown}, more than the {rate:g} Hz that are stated",) if faster and measured else ()
        note = "stated in each packet" if trial.stated_rate_hz else "stated by you"
        return [ReadFamily(family, candidate, trial, rate, note, doubts)]
    by_rate: defaultdict[RateEstimate | None, list[str]] = defaultdict(list)
    for topic in family.topics:
        one = rate_estimate([each for each in trial.times if each.topic == topic], arrivals) or measured
        same = next((each for each in by_rate if one and each and each.rate_hz == one.rate_hz), one)
        by_rate[same].append(topic)
    return [_estimated(family, candidate, contract, rate, topics, questions) for rate, topics in by_rate.items()]


def _estimated(
    family: PayloadFamily,
    candidate: Candidate,
    contract: ModelContract,
    estimate: RateEstimate | None,
    topics: Sequence[str],
    questions: Questions,
) -> ReadFamily:
    """The topics of a family that have one rate, which is confirmed where somebody is there."""
    part = PayloadFamily(tuple(each for each in family.payloads if each.message.topic in topics), tuple(topics))
    note = estimate.shown if estimate else "not stated, and too few packets came for an estimate"
    guessed = estimate.rate_hz if estimate and (estimate.common or questions.ask) else None
    rate = questions.number(f"{topics[0]}: sample rate in Hz ({note})", guessed)
    if rate is None:
        return ReadFamily(part, candidate, trial_of(candidate.settings, part.messages, contract), None, note)
    guesses = {"sample_rate_hz": note} if rate == guessed else {}
    told = candidate.with_settings({"sample_rate_hz": rate}, **guesses)
    note = note if guesses else "stated by you"
    return ReadFamily(part, told, trial_of(told.settings, part.messages, contract), rate, note)


def _without_rate(read: ReadFamily) -> Unread | None:
    """Why a family can't be diagnosed at its rate; None: it can."""
    if read.rate_hz is not None and read.rate_hz >= LOWEST_HZ:
        return None
    if read.rate_hz is None:
        reason = f"the sample rate is {read.rate_note}"
        remedy = "state it with --rate HZ, or listen longer with --seconds"
    else:
        reason = f"{read.rate_hz:g} samples a second ({read.rate_note}): too slow for a diagnosis of bearings"
        remedy = f"sample at {LOWEST_HZ:g} Hz and more; for a sensor that pauses between packets state --rate HZ"
    return Unread(read.family.topics, read.family.example.shown, reason, remedy)


@cache
def contract_of(bundle: str) -> ModelContract:
    """The contract of a bundle that ships."""
    return open_bundle(shipped(bundle)).contract


def bundle_for(read: Sequence[ReadFamily]) -> tuple[str, str]:
    """Name of the shipped bundle that reads every family, and a note."""
    rates = sorted({each.rate_hz for each in read if each.rate_hz})
    if not rates:
        return "universal", "the default"
    name = widest_for(rates[0]) or "universal"
    others = {widest_for(rate) for rate in rates} - {name}
    more = f"; a second agent with shipped:{min(map(str, others))} would use the faster ones better" if others else ""
    return name, f"the widest band that {rates[0]:g} Hz carries{more}"


def _inputs(read: Sequence[ReadFamily], foreign: Sequence[str], contract: ModelContract) -> list[ProposedInput]:
    plain = {str(at): each for at, each in enumerate(read) if not _is_sparkplug(each)}
    found: list[ProposedInput] = []
    for each in read:
        if _is_sparkplug(each):
            settings = {"sensor": "{node}-{device}", **each.candidate.settings}
            found += [ProposedInput(settings, each, each.family.topics, each.candidate.guesses)]
            found += [ProposedInput(NODE, None)]
    topics = {key: each.family.topics for key, each in plain.items()}
    joined = {key: _joined(each, contract) for key, each in plain.items()}
    for place in sensor_topics(topics, foreign):
        each = joined[place.family]
        settings = {"topic": place.topic, "sensor": place.sensor, **each.candidate.settings}
        found.append(ProposedInput(settings, each, place.topics, each.candidate.guesses))
    return found


def _is_sparkplug(read: ReadFamily) -> bool:
    return read.candidate.settings.get("preset") == "sparkplug"


def _joined(read: ReadFamily, contract: ModelContract) -> ReadFamily:
    """The family with the settings that let its packets be joined to windows."""
    read = _without_bad_times(read, contract)
    packets = read.trial.packets
    counted = any(packet.seq is not None or packet.t0_unix_ns is not None for packet in packets)
    window = native_window(contract.window, read.rate_hz or contract.sample_rate_hz, contract.sample_rate_hz)
    if counted or read.trial.samples >= window:
        return read
    why = "packets have neither seq nor t0, and are shorter than a window: a lost packet is not noticed"
    candidate = read.candidate.with_settings({"continuous": True}, continuous=why)
    return replace(read, candidate=candidate, trial=trial_of(candidate.settings, read.family.messages, contract))


def _without_bad_times(read: ReadFamily, contract: ModelContract) -> ReadFamily:
    """Leave `t0` out where its jitter looks like lost samples."""
    times = [each.t0_unix_ns for each in read.trial.times]
    if None in times or read.trial.gaps <= MANY_GAPS * len(times) or "fields" not in _settable(read):
        return read
    without = read.candidate.with_settings(
        {"fields": {"t0": ABSENT}, **({} if _has_seq(read) else {"continuous": True})},
        "t0 is not read: its steps do not fit the samples between them",
        t0="its steps do not fit the samples between them",
    )
    trial = trial_of(without.settings, read.family.messages, contract)
    return replace(read, candidate=without, trial=trial) if trial.gaps < read.trial.gaps / 2 else read


def _has_seq(read: ReadFamily) -> bool:
    return all(each.seq is not None for each in read.trial.times)


def _settable(read: ReadFamily) -> tuple[str, ...]:
    """Settings that matter for the codec: raw and frame have no paths."""
    return () if read.candidate.settings.get("codec") in ("raw", "frame") else ("fields",)
