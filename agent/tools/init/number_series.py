"""From the series of a family of documents to the settings that read them: which are samples, and of which channels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.acquisition.codecs.sample_text import decoded
from drsn.agent.settings.input_section import CHANNEL
from drsn.agent.tools.init.byte_readings import byte_readings, numbers_in
from drsn.agent.tools.init.candidate import Candidate, Guess, channel_names
from drsn.agent.tools.init.interleaving import COUNTS, interleaving_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from drsn.agent.tools.init.document_search import Series

NO_WAVEFORM: Final = "no list of numbers: it is no vibration"
"""A refusal that needs no remedy: most topics of a broker are of this kind."""

DEFAULT_PATH: Final = "samples"
MAX_CHANNELS: Final = 8
_SPECTRUM: Final = re.compile(r"spectr|fft|freq|psd|magnitude|envelope|bins|histogram", re.IGNORECASE)
_ENCODED: Final = ("hex", "base64", "bytes")
EVEN_STEPS: Final = 0.2
"""Spread of the steps of a list, over their mean, up to which it is a list of times rather than samples."""


def guess_of_series(documents: Sequence[Mapping[str, Series]]) -> Guess:
    """Which series are the samples.

    Args:
        documents: path -> series, of each packet of a family.
    """
    common = [path for path in documents[0] if all(path in each for each in documents)]
    columns = {path: [each[path] for each in documents] for path in common}
    waves = {path: column for path, column in columns.items() if not _is_time(column)}
    named = {path: column for path, column in waves.items() if not _SPECTRUM.search(path)}
    if not named:
        if not waves:
            return Guess(refusal=NO_WAVEFORM)
        why = f"{', '.join(waves)} looks like a spectrum"
        return Guess(refusal=why, remedy="the agent needs the waveform: publish the samples")
    if DEFAULT_PATH in named and len(named) > 1:
        named = {DEFAULT_PATH: named[DEFAULT_PATH]}
    if len(named) == 1:
        return _of_one(next(iter(named.values())))
    if _siblings(named):
        return _of_channels(named)
    paths = list(named)
    reason = f"one of {len(paths)} places with numbers: {', '.join(paths[:6])}"
    options = [each for path in paths[:6] for each in _of_one(named[path]).candidates]
    candidates = [Candidate(each.settings, each.score / len(paths), (*each.reasons, reason)) for each in options]
    return Guess(tuple(candidates)) if len(candidates) > 1 else Guess(refusal=reason, remedy="set fields.samples")


def path_settings(path: str) -> dict[str, Any]:
    """The setting of the samples' path, if it is not the default."""
    return {} if path == DEFAULT_PATH else {"fields": {"samples": path}}


def _is_time(column: Sequence[Series]) -> bool:
    """Whether a series only rises, in even steps, in each packet."""
    for series in column:
        if series.kind not in ("list", "objects") or series.shape[0] < 3:
            return False
        steps = np.diff(np.array(series.value, np.float64))
        if steps.min() < 0 or steps.max() <= 0 or steps.std() > EVEN_STEPS * steps.mean():
            return False
    return True


def _siblings(named: Mapping[str, Sequence[Series]]) -> bool:
    """Whether series are the channels of one signal: beside each other, of the same kind, and of one length."""
    first = [next(iter(column)) for column in named.values()]
    same = len({(each.parent, each.kind) for each in first}) == 1 and first[0].kind != "rows"
    lengths = all(len({each.shape for each in moment}) == 1 for moment in zip(*named.values(), strict=True))
    return same and lengths and len(named) <= MAX_CHANNELS


def _of_channels(named: Mapping[str, Sequence[Series]]) -> Guess:
    first = {path: column[0] for path, column in named.items()}
    keys = [series.key for series in first.values()]
    names = keys if all(map(CHANNEL.fullmatch, keys)) and len(set(keys)) == len(keys) else channel_names(len(keys))
    some = next(iter(first.values()))
    above = tuple(part for part in some.parent if part is not None)
    plain = names == keys and above in ((), (DEFAULT_PATH,))
    settings: dict[str, Any] = {"channels": names if plain else dict(zip(names, named, strict=True))}
    reason = f"{len(names)} lists of one length beside each other: {', '.join(named)}"
    chunks = [[_content(series) for series in column] for column in named.values()]
    if some.kind not in _ENCODED:
        return Guess((Candidate(settings, 1.0, (reason,)),))
    return _of_bytes([chunk for column in chunks for chunk in column], some.kind, settings, reason, single=True)


def _of_one(column: Sequence[Series]) -> Guess:
    series = column[0]
    settings, reason = path_settings(series.path), f"samples at {series.path or 'the top of the document'}"
    if series.kind == "rows":
        return _of_rows(series, settings, reason)
    if series.kind in _ENCODED:
        return _of_bytes([_content(each) for each in column], series.kind, settings, reason)
    rows = [np.array(_numbers(each), np.float64) for each in column]
    return _in_channels(rows, Candidate(settings, 1.0, (reason,)))


def _of_rows(series: Series, settings: dict[str, Any], reason: str) -> Guess:
    count, width = series.shape
    channels = min(count, width)
    if channels == 1:
        return Guess((Candidate(settings, 1.0, (reason,)),))
    named = {**settings, "channels": channel_names(channels)}
    if channels > MAX_CHANNELS or max(count, width) <= MAX_CHANNELS:
        return Guess(refusal=f"{reason} are {count} lists of {width} numbers", remedy="set channels and layout")
    order = "a list for each moment" if width < count else "a list for each channel"
    why = {} if channels == len(channel_names(3)) else {"channels": "names"}
    return Guess((Candidate(named, 1.0, (f"{reason}: {order}, {channels} channels",), why),))


def _content(series: Series) -> bytes:
    if isinstance(series.value, bytes):
        return series.value
    try:
        content = decoded(series.value, "hex" if series.kind == "hex" else "base64")
    except (PacketError, TypeError):
        return b""
    return content if isinstance(content, bytes) else b""


def _numbers(series: Series) -> Any:  # noqa: ANN401 (a list, or an array)
    return decoded(series.value, "text") if series.kind == "numbers" else series.value


def _of_bytes(
    chunks: Sequence[bytes], kind: str, settings: dict[str, Any], reason: str, *, single: bool = False
) -> Guess:
    """The settings of samples as bytes. `single`: each chunk is one channel."""
    encoding = {"encoding": kind} if kind == "hex" else {}
    return guess_of_bytes(chunks, {**settings, **encoding}, f"{reason} as {kind}", single=single)


def guess_of_bytes(chunks: Sequence[bytes], settings: dict[str, Any], reason: str, *, single: bool = False) -> Guess:
    """The settings of bytes whose type nothing states.

    Args:
        chunks: of each packet.
        settings: that lead to the bytes.
        reason: where they are.
        single: each chunk is of one channel.
    """
    readings = byte_readings(chunks)
    if not readings:
        return _of_interleaved_bytes(chunks, settings, reason)
    found: list[Candidate] = []
    for reading in dict.fromkeys(readings):
        one = Candidate({**settings, **reading.settings}, 1.0 - reading.flatness / 2, (reason, f"read as {reading}"),
                        {"dtype": "type and byte order of the samples"})  # fmt: skip
        packets = numbers_in(chunks, reading.form)
        found += [one] if single or packets is None else _in_channels(packets, one).candidates
    if len(readings) > 1 and len(found) == 1:
        found *= 2  # one reading that is not certain: a person has to confirm it
    return Guess(tuple(sorted(found, key=lambda each: -each.score)))


def _of_interleaved_bytes(chunks: Sequence[bytes], settings: dict[str, Any], reason: str) -> Guess:
    """Several channels whose numbers together look like no signal; never certain."""
    for channels in COUNTS:
        for reading in byte_readings(chunks, channels)[:1]:
            read = {**settings, **reading.settings, "channels": channel_names(channels)}
            why = {"dtype": "type and byte order of the samples", "channels": "number, order and names"}
            one = Candidate(read, 0.5, (reason, f"read as {reading}, {channels} channels interleaved"), why)
            return Guess((one, one))
    remedy = "set dtype, byte_order, header_bytes and channels by hand, then `drsn-agent check --sample`"
    size = sum(map(len, chunks))
    return Guess(refusal=f"{reason}: {size} bytes that look like noise in every type of number", remedy=remedy)


def _in_channels(rows: Sequence[NDArray[Any]], one: Candidate) -> Guess:
    """The candidate as it is, or with the channels that its numbers show."""
    found = interleaving_of(rows)
    if found is None:
        return Guess((one,))
    layout = {"layout": found.layout} if found.layout == "planar" else {}
    several = one.with_settings(
        {"channels": channel_names(found.channels), **layout}, found.reason, channels="number, order and names"
    )
    return Guess((several,)) if found.certain else Guess((several, one.with_settings({}, "or a single channel")))
