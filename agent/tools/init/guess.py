"""From the payloads of a family of topics to the settings that read them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.acquisition.codecs.sample_text import decoded, is_hex
from drsn.agent.settings.input_section import InputSection
from drsn.agent.settings.inputs import T0_UNITS
from drsn.agent.settings.presets import PRESETS
from drsn.agent.tools.init.candidate import Candidate, Guess, channel_names
from drsn.agent.tools.init.number_series import NO_WAVEFORM, guess_of_bytes, guess_of_series
from drsn.agent.tools.init.packet_fields import Values, fields_of_packets
from drsn.agent.tools.init.sparkplug_metrics import guess_of_sparkplug
from drsn.agent.tools.init.trial import trial_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drsn.agent.tools.init.payload import Payload
    from drsn.agent.tools.init.trial import Trial
    from drsn.model.contract import ModelContract

DOCUMENTS: Final = ("json", "cbor", "msgpack", "influx", "senml")
READ_ENOUGH: Final = 0.9
"""Share of the messages that settings must read to be accepted."""

READ_SOME: Final = 0.5
NO_SAMPLES: Final = "no samples at"
"""Begins the decoder's message about a document without samples; any other is about samples that it can't read."""

BY_HAND: Final = "set the input by hand, then `drsn-agent check --sample`"


def guess_of(payloads: Sequence[Payload], contract: ModelContract, fixed: Mapping[str, Any] | None = None) -> Guess:
    """Guess the settings of a family of payloads, and try them on each.

    Args:
        payloads: of the same signature, in the order of their receipt.
        contract: of the model.
        fixed: settings that a person has stated; candidates that contradict them are dropped.
    """
    guess = _by_kind(payloads)
    candidates = [_fixed(each, fixed or {}) for each in guess.candidates if not _contradicts(each, fixed or {})]
    if fixed and "codec" in fixed and not candidates:
        candidates = [Candidate(dict(fixed), 1.0, ("stated with --input",))]
    if fixed and candidates:
        candidates = list({str(each.settings): each for each in candidates}.values())
    return _tried(replace(guess, candidates=tuple(candidates)), payloads, contract)


def _by_kind(payloads: Sequence[Payload]) -> Guess:
    return _KINDS.get(payloads[0].kind, _of_document)(payloads)


def _of_frames(_payloads: Sequence[Payload]) -> Guess:
    return Guess((Candidate({"codec": "frame"}, 1.0, ("each begins with the magic DRSN",)),))


def _of_raw(payloads: Sequence[Payload]) -> Guess:
    return guess_of_bytes([each.content for each in payloads], {"codec": "raw"}, "bare numbers")


def _of_other(payloads: Sequence[Payload]) -> Guess:
    return Guess(refusal=f"a text that no codec reads: {payloads[0].problem}", remedy="publish JSON, or set codec")


def _of_value(_payloads: Sequence[Payload]) -> Guess:
    return Guess(refusal=NO_WAVEFORM)


def _of_document(payloads: Sequence[Payload]) -> Guess:
    kind = payloads[0].kind
    guess = guess_of_series([each.found.series for each in payloads])
    found = fields_of_packets([_values(each) for each in payloads], T0_UNITS.get(kind, "s"))
    if found.problem and guess.candidates and "seq" not in found.has:
        return Guess(refusal=found.problem, remedy="set it with --input time_zone=ZONE")
    if found.problem:
        found.exclude("t0", found.problem)
    candidates = [
        replace(each, settings={"codec": kind, **each.settings}).with_settings(
            found.settings, *found.reasons, **found.guesses
        )
        for each in guess.candidates
    ]
    return replace(guess, candidates=tuple(map(with_preset_named, candidates)))


def _values(payload: Payload) -> Values:
    message = payload.message
    return Values(message.topic, message.received_s, message.received_unix_ns, payload.found.scalars)


def _of_text(payloads: Sequence[Payload]) -> Guess:
    texts = [each.content.rstrip(b"\0").decode("ascii") for each in payloads]
    if all(map(is_hex, texts)):
        found = [each for text in texts if isinstance(each := decoded(text, "hex"), bytes)]
        return guess_of_bytes(found, {"codec": "raw", "encoding": "hex"}, "the payload is hex digits alone")
    try:
        contents = [decoded(text, "auto") for text in texts]
    except PacketError as error:
        return Guess(refusal=f"a text: {error.detail}", remedy="set encoding and dtype by hand")
    chunks = [each for each in contents if isinstance(each, bytes)]
    if len(chunks) == len(contents):
        return guess_of_bytes(chunks, {"codec": "raw", "encoding": "base64"}, "the payload is base64")
    settings = {"codec": "raw", "encoding": "text"}
    return Guess((Candidate(settings, 1.0, ("the payload is numbers as text",)),))


def _of_opcua(payloads: Sequence[Payload]) -> Guess:
    """A preset for one variable; else a path for each."""
    start = "Messages[0].Payload."
    first = [{path: each for path, each in one.found.series.items() if path.startswith(start)} for one in payloads]
    common = [path for path in first[0] if all(path in each for each in first)]
    reason = "network messages of OPC UA PubSub in JSON"
    names = {next(iter(path.removeprefix(start).split("."))) for path in common}
    if len(names) == 1:
        return Guess((Candidate({"preset": "opcua-pubsub"}, 1.0, (reason, f"samples in {common[0]}")),))
    if not names:
        return Guess(refusal=f"{reason}, without a variable that is a list", remedy="let the gateway send arrays")
    guess = guess_of_series(first)
    fields = {name: path for name, path in PRESETS["opcua-pubsub"].settings["fields"].items() if name != "samples"}
    found = [each.with_settings({"codec": "opcua", "fields": fields}, reason) for each in guess.candidates]
    return replace(guess, candidates=tuple(found))


_KINDS: Final[dict[str, Callable[[Sequence[Payload]], Guess]]] = {
    "frame": _of_frames,
    "raw": _of_raw,
    "text": _of_text,
    "other": _of_other,
    "value": _of_value,
    "opcua": _of_opcua,
    "sparkplug": guess_of_sparkplug,
}
"""Kind of a payload -> what guesses its settings; all others are documents."""


def with_preset_named(candidate: Candidate) -> Candidate:
    """The same settings by a preset, where one has most of them."""
    wanted = _section(candidate.settings)
    for name, preset in PRESETS.items():
        if (
            wanted is None
            or preset.settings.get("codec") != candidate.settings.get("codec")
            or "topic" in preset.settings
        ):
            continue
        fields = candidate.settings.get("fields", {})
        own = {key: value for key, value in fields.items() if preset.settings.get("fields", {}).get(key) != value}
        rest = {
            key: value
            for key, value in candidate.settings.items()
            if key != "fields" and preset.settings.get(key) != value
        }
        by_preset = {"preset": name, **rest, **({"fields": own} if own else {})}
        section = _section(by_preset)
        if section is not None and section.model_copy(update={"preset": None}) == wanted and len(own) < len(fields):
            return replace(candidate, settings=by_preset, reasons=(*candidate.reasons, f"as preset {name!r}"))
    return candidate


def _section(settings: Mapping[str, Any]) -> InputSection | None:
    rate = {} if "sample_rate_hz" in settings else {"sample_rate_hz": 1.0}
    try:
        return InputSection.model_validate({"topic": "t/{m}", "sensor": "{m}", **rate, **settings})
    except ValidationError:
        return None


def _contradicts(candidate: Candidate, fixed: Mapping[str, Any]) -> bool:
    defaults = {"byte_order": "little", "header_bytes": 0, "encoding": "auto", "codec": "json"}
    keys = ("codec", "dtype", "byte_order", "header_bytes", "encoding")
    own = {**defaults, **candidate.settings}
    return any(key in fixed and key in own and own[key] != fixed[key] for key in keys if "preset" not in own)


def _fixed(candidate: Candidate, fixed: Mapping[str, Any]) -> Candidate:
    guesses = {key: why for key, why in candidate.guesses.items() if key not in fixed}
    return replace(candidate.with_settings(fixed), guesses=guesses) if fixed else candidate


def _tried(guess: Guess, payloads: Sequence[Payload], contract: ModelContract) -> Guess:
    """The candidates with the share of messages that they read; those that read few are dropped."""
    messages = [each.message for each in payloads]
    trials = [(each, trial_of(each.settings, messages, contract)) for each in guess.candidates]
    kept = [_scored(each, trial) for each, trial in trials if trial.share >= READ_SOME and not trial.doubts]
    if guess.accepted is not None and kept and trials[0][1].share < READ_ENOUGH:
        text = trials[0][1].refusals.most_common(1)[0][0]
        return Guess(refusal=f"{trials[0][1].share:.0%} of the messages can be read; the others: {text}",
                     remedy=guess.remedy or BY_HAND)  # fmt: skip
    if not trials and payloads[0].kind in DOCUMENTS:  # the decoder's own words are about the very field
        refusals = trial_of({"codec": payloads[0].kind}, messages, contract).refusals
        text = next((text for text, _ in refusals.most_common(1)), "")
        return guess if NO_SAMPLES in text else replace(guess, refusal=text, remedy=BY_HAND)
    if kept or not trials:
        return replace(guess, candidates=tuple(sorted(kept, key=lambda each: -each.score)))
    trial = trials[0][1]
    why = next(iter([*trial.doubts, *(text for text, _ in trial.refusals.most_common(1))]), "no packet can be read")
    return Guess(refusal=why, remedy=guess.remedy or BY_HAND)


def _scored(candidate: Candidate, trial: Trial) -> Candidate:
    read = f"reads {len(trial.times)} of {trial.messages} messages, {trial.samples} samples each"
    scored = replace(candidate, score=candidate.score * trial.share, reasons=(*candidate.reasons, read))
    channels = {len(packet.samples) for packet in trial.packets}
    if "channels" in candidate.settings or channels == {1}:
        return scored
    names = channel_names(max(channels))
    return scored.with_settings({"channels": names}, f"{len(names)} channels in a packet", channels="names")
