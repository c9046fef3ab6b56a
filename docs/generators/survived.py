"""Tables of what the agent survived, from the results that are committed: chaos, the soak, fuzzing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def chaos_table() -> str:
    """What `make chaos` did and saw: its ledger."""
    found = _read("chaos")["rows"]
    rows = [
        "| scenario | faults | packets | events | received again | repaired | s | peak MB | files | threads |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {r['scenario']} | {r['faults']:,} | {r['acknowledged by the agent']:,} | {r['events']:,} "
        f"| {r['events heard again']:,} | {r['events repaired']:,} | {r['seconds']:,} | {r['peak MB']} "
        f"| {r['file descriptors']} | {r['threads']} |"
        for r in found
    ]
    faults, packets, events = (
        sum(r[name] for r in found) for name in ("faults", "acknowledged by the agent", "events")
    )
    codes = ", ".join(sorted({r["code"] for r in found}))
    told = f"In all {faults:,} faults, {packets:,} packets, {events:,} events; code of {codes}."
    return "\n".join([*rows, "", told])


def soak_told() -> str:
    """What `benchmarks/soak.py` measured."""
    found = _read("soak")
    (row,) = found["rows"]
    low, high = row["slope interval"]
    start, middle, end = row["RSS MB at the start, the middle, the end"]
    packets, latency = row["packets"], row["latency_ms"]
    falls = f"; falls when the kernel took pages back, not counted: {row['falls']}" if row.get("falls") else ""
    files, threads = row["files, least and most"], row["threads, least and most"]
    return (
        f"{row['hours']:.2f} hours at {row['packets/s']:.0f} packets/s, {packets['processed']:,} packets, "
        f"{row['events']:,} events, code of {found['code']}: memory\n"
        f"grew by **{row['slope MB/h']:.2f} MB/h** (95 % interval {low:.2f} to {high:.2f}{falls}) after the first "
        f"quarter of an hour, from {start:.0f} over {middle:.0f} to {end:.0f} MB;\n{files[0]} to {files[1]} files, "
        f"{threads[0]} to {threads[1]} threads; {row['gaps']} gaps, {packets['duplicate']} duplicates, "
        f"{packets['shed']} `shed`, {row['reconnects']} reconnects, {row['lost_events']} lost events;\n"
        f"latency p50 {latency['p50']:.0f}, p99 {latency['p99']:.0f} ms. Every event was as the oracle expected."
    )


def fuzz_table() -> str:
    """What `make fuzz` did."""
    rows = ["| reader | inputs | edges | features | corpus |", "|---|---|---|---|---|"]
    rows += [
        f"| {r['target']} | {r['inputs']:,} | {r['edges']:,} | {r['features']:,} | {r['corpus']} |"
        for r in _read("fuzz")["rows"]
    ]
    return "\n".join(rows)
