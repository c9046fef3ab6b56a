"""Tables of what the benchmarks measured, from the results that are committed; generate.py puts them in place."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import shrinkage
from alarm_quality.markdown import delays_table, foreign_signals_table, rules_table

from accuracy import results, tables, targets
from drsn.model.protocols import PROTOCOLS

ROOT = Path(__file__).parents[2]


def evidence_costs() -> str:
    """What `benchmarks/evidence.py` measured."""
    found = json.loads((ROOT / "benchmarks" / "results" / "evidence.json").read_text(encoding="utf-8"))
    rows = ["| step | µs, median | least to greatest | part of a window's inference |", "|---|---|---|---|"]
    rows += [
        f"| {r['step']} | {r['us']:.0f} | {r['least']:.0f} to {r['greatest']:.0f} | {r['ratio']:.2g} |"
        for r in found["rows"]
    ]
    memory, size = found["memory of 1000 sensors, MB"], found["bytes"]
    told = (
        f"Memory of 1,000 sensors: {memory['all']:.0f} MB, of which {memory['arrays']:.0f} MB are the arrays and the "
        f"rest the alarms' states before and after each window. A file has {size['file'] / 1000:.0f} kB, a message\n"
        f"{size['message'] / 1000:.0f} kB: `quota_mb` = 256 holds {256_000_000 // size['file']:,} events."
    )
    return "\n".join([*rows, "", told])


def page_cost() -> str:
    """What the page costs, in two sentences."""
    found = json.loads((ROOT / "benchmarks" / "results" / "page.json").read_text(encoding="utf-8"))
    value = {row["measure"]: row["value"] for row in found["rows"]}
    where = found["machine"]
    return (
        f"With the five machines of the demo the page needs {value['page without a browser, % of a core']:.1f} % of "
        f"one core, with one browser {value['page with one browser, % of a core']:.1f} %, and "
        f"{value['page, resident memory, MB']:.0f} MB of memory ({where['cpu']}, {where['cores']} cores). The agent "
        f"needs {value['agent with a page, % of a core']:.1f} % of a core with it, and "
        f"{value['agent without a page, % of a core']:.1f} % without: the page is one more subscriber of the broker, "
        "and the agent sends nothing more. `benchmarks/page.py` measures this."
    )


def bearing_detector_table() -> str:
    """What `benchmarks/bearing_detector.py` measured."""
    found = json.loads((ROOT / "benchmarks" / "results" / "bearing_detector.json").read_text(encoding="utf-8"))
    names = ("outer_race", "inner_race", "ball")
    head = "| machines | noise | windows | AUROC | right name: outer race | inner race | ball | healthy above 3 nats |"
    rows = [head, "|---|---|---|---|---|---|---|---|"]
    for machines, levels in (("`self_built`", found["self_built"]), ("simulated, not in the fit", found["simulation"])):
        for level, row in levels.items():
            right = [f"{row[f'right {name}']:.0%}" if f"right {name}" in row else "" for name in names]
            rows.append(
                f"| {machines} | {level} | {row['windows']:,} | {row['auroc']:.3f} | {' | '.join(right)} "
                f"| {row['healthy above 3 nats']:.1%} |"
            )
    costs = [
        f"{window}: envelope {cost['envelope']:.0f}, angle {cost['angle']:.0f}, evaluation {cost['evaluation']:.0f}"
        for window, cost in found["cost_us"].items()
    ]
    told = (
        f"CPU time in microseconds of a window of so many samples, in batches of 32 on {found['machine']['cpu']}: "
        f"{'; '.join(costs)}.\nThe evaluation is done when a fifth of the series is new: at 1,500 rpm every second "
        "window of 4,096 samples, every third of 2,048."
    )
    return "\n".join([*rows, "", told])


def alarms_parts() -> str:
    """What `benchmarks/alarms.py` measured: rules over SNR, rules at equal false alarms, verdicts."""
    found = json.loads((ROOT / "benchmarks" / "results" / "alarms.json").read_text(encoding="utf-8"))
    equal, worst = found["equal_false_alarms"], min(found["plan"]["snr_db"])
    seen = f"{found['windows_that_the_network_saw']:,} windows, {found['hours_of_signal_that_the_network_saw']:g} hours"
    alike = [
        (f"{scene}, {name}", row)
        for speech, name in (("abstaining", "with abstention"), ("outspoken", "without abstention"))
        for scene in ("quiet", "disturbed")
        for row in equal[speech][scene]
    ]
    name, days = f"`{found['bundle']['name']}` {found['bundle']['version']}", found["plan"]["days"]
    most = f"{equal['at_most_per_sensor_day']:g} a sensor-day at most, at {worst:g} dB"
    parts = [
        f"Bundle {name}; {seen} of signal through the network. False alarms are those of machine conditions",
        f"on healthy recordings in {days:g} sensor-days (a tenth for the first two rules), with the upper 95 % bound a",
        "day. Delays are of the slowest condition. *Dropping*: the sequential test without the windows from which the",
        "model abstains.",
        "",
        rules_table([(f"{row['snr_db']:g} dB", row) for row in found["rules"]]),
        "",
        "Delay by condition, median / 95th percentile in seconds:",
        "",
        delays_table(found["rules"]),
        "",
        f"At {worst:g} dB, *without abstention*: as if the model never abstained:",
        "",
        rules_table([(f"{row['snr_db']:g} dB", row) for row in found["outspoken"]]),
        "",
        f"At equal false alarms, {most}: the fastest of each family that has one:",
        "",
        rules_table(alike),
        "",
        "Signals of no machine, or of another, an hour each: how many streams raise a machine's condition.",
        "",
        foreign_signals_table(found["strangers"]),
        "",
        "The targets, and whether they are met:",
        "",
        "\n".join(f"* {'yes' if met else '**no**'}: {_plain(what)}" for what, met in found["musts"].items()),
    ]
    return "\n".join(parts)


def _plain(target: str) -> str:
    """A target in the words of the page."""
    return target.replace("abstaining", "with abstention").replace("outspoken", "without abstention")


def doubt_table() -> str:
    """Prices of novelty that `benchmarks/alarms_doubt.py` measured."""
    found = json.loads((ROOT / "benchmarks" / "results" / "alarms_doubt.json").read_text(encoding="utf-8"))
    kinds = [kind for kind in found["rows"][0]["misled"] if any(row["misled"][kind] for row in found["rows"])]
    head = ["novelty a nat", "p95 s, slowest", f"false alarms in {found['days']:g} disturbed days", *kinds]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in found["rows"]:
        p95 = row["p95_s"].values()
        cells = [
            row["price"],
            "never" if None in p95 else f"{max(p95):.2f}",
            row["false_alarms_disturbed"],
            *(f"{row['misled'][kind]} of {found['streams_of_each_kind']}" for kind in kinds),
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


ACCURACY = ROOT / "benchmarks" / "results" / "accuracy"
CONTESTANTS = ROOT / "benchmarks" / "results" / "contestants.json"
ASKED_ALIKE = {
    "grid-loads": ("cwru-0-to-3", "cwru-loads", "cwru-3-to-0", "cwru-ceiling"),
    "grid-sizes": tuple(protocol for protocol in PROTOCOLS if re.fullmatch(r"cwru-size-\d+", protocol)),
    "grid-speeds": tuple(protocol for protocol in PROTOCOLS if re.fullmatch(r"hit_sm-[a-z_]+-\d+", protocol)),
    "grid-rigs": tuple(protocol for protocol in PROTOCOLS if re.fullmatch(r"hit_sm-[a-z_]+-to-[a-z_]+", protocol)),
}


def accuracy_parts() -> dict[str, str]:
    """Every table of docs/trust/accuracy.md, of the cells that are there."""
    cells = results.read_cells(ACCURACY / "test")
    timed = json.loads(CONTESTANTS.read_text(encoding="utf-8"))["rows"]
    us_per_window = {row["contestant"]: row["us per window"] for row in timed}
    shown = ("shipped", "shipped_resnet", "drsn_cw", "random_forest")
    return {
        "targets": targets.targets_table(cells),
        "differences": tables.differences_table(cells),
        **{name: tables.grid_table(cells, protocols, us_per_window) for name, protocols in ASKED_ALIKE.items()},
        "recordings": tables.recordings_table(cells, "cwru-0-to-3", shown, -6.0),
        "paper": targets.paper_table(cells),
        "tried": tables.tried_table(results.read_cells(ACCURACY / "selection")),
        "full_band": full_band_table(),
    }


def full_band_table() -> str:
    """What `benchmarks/full_band.py` measured."""
    found = json.loads((ROOT / "benchmarks" / "results" / "full_band.json").read_text(encoding="utf-8"))["rows"]
    rows = [[str(value) if isinstance(value, str) else f"{value:.1f}" for value in row.values()] for row in found]
    return tables.markdown([name.replace("rung", "protocol") for name in found[0]], rows)


NOVELTY = ROOT / "benchmarks" / "results" / "novelty.json"


def _novelty() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(NOVELTY.read_text(encoding="utf-8"))
    return document


def baseline_table(*rigs: str) -> str:
    """What `benchmarks/baseline.py` measured: changes that a health baseline finds, and false alarms.

    Args:
        rigs: looked at once; none: the sets of development.
    """
    results = ROOT / "benchmarks" / "results"
    paths = [results / f"baseline_{rig}.json" for rig in rigs] or [results / "baseline.json"]
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    rows = [
        "| machines | noise | speed | played | alarms | windows to it | unknown state | most nats |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for found, (name, measured) in ((each, part) for each in documents for part in each["sets"].items()):
        for row in measured:
            level = "as recorded" if row["snr_db"] is None else f"{row['snr_db']:g} dB"
            windows = "" if row["windows_to_alarm"] is None else f"{row['windows_to_alarm']:.0f}"
            known = "given" if row["speed_known"] else "not given"
            rows.append(
                f"| {name} | {level} | {known} | {row['kind']} | {row['alarms']} of {row['recordings']} | {windows} "
                f"| {100 * row['unknown']:.0f} % | {row['most_nats']:.0f} of {found['threshold_nats']:.0f} |"
            )
    return "\n".join(rows)


def refused_table() -> str:
    """What the shipped cwru makes of signals that it should not know."""
    rows = ["| signal | windows | refused |", "|---|---|---|"]
    found = _novelty()["shipped"]["refused"]
    rows += [f"| {r['signal']} | {r['windows']:,} | {100 * r['refused']:.1f} % |" for r in found]
    return "\n".join(rows)


def accepted_table() -> str:
    """What it makes of its own labels at the test load, over SNR."""
    cells = _novelty()["shipped"]["accepted"]
    levels = ("as recorded" if c["snr_db"] is None else f"{c['snr_db']:+g} dB" for c in cells)
    rows = [f"| CWRU at 3 hp, mean of three noises | {' | '.join(levels)} |", "|---" * (1 + len(cells)) + "|"]
    for key, name in (("accepted", "accepted"), ("accuracy", "named right"),
                      ("accuracy_of_accepted", "named right, of the accepted")):  # fmt: skip
        rows.append(f"| {name} | {' | '.join(f'{100 * c[key]:.1f} %' for c in cells)} |")
    return "\n".join(rows)


def left_out_table() -> str:
    """AUROC of each score on each label that training left out."""
    scores = ("max_softmax", "energy", "mahalanobis", "relative_mahalanobis")
    head = ("left out", *(f"{s.replace('_', ' ')}, {level}" for level in ("clean", "0 dB") for s in scores))
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    by_label: dict[str, list[str]] = {}
    found = _novelty()["left_out"]["rows"]
    for row in sorted(found, key=lambda row: row["level"] == "0 dB"):  # stable: labels keep their order
        by_label.setdefault(row["label"], []).extend(f"{row[s]:.3f}" for s in scores)
    rows += [f"| {label} | {' | '.join(values)} |" for label, values in by_label.items()]
    return "\n".join(rows)


def shrinkage_table() -> str:
    """What `benchmarks/shrinkage.py` measured."""
    found = json.loads((ROOT / "benchmarks" / "results" / "shrinkage.json").read_text(encoding="utf-8"))
    head, rows = shrinkage.table_of(found, "auroc")
    seeds = len(found["cells"]) // len(found["plan"]["families"])
    table = [head, ["---"] * len(head), *rows]
    return f"{seeds} seeds of each:\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in table)


def foreign_table() -> str:
    """What `benchmarks/foreign_machines.py` measured on real rigs, the latest look at each."""
    rows = [
        "| rig | noise | bearing and speed | found | right | `bearing` | wrong | false alarms | `unknown` | AUROC |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    looks = json.loads((ROOT / "benchmarks" / "results" / "foreign_machines.json").read_text(encoding="utf-8"))["looks"]
    latest = {(r["rig"], r["bundle"], r["snr_db"], r["geometry"]): r for look in looks for r in look["rows"]}
    for r in latest.values():
        level = "as recorded" if r["snr_db"] is None else f"{r['snr_db']:+g} dB"
        rows.append(
            f"| {r['rig']} | {level} | {'yes' if r['geometry'] else 'no'} | {r['found']} of {r['faulty']} "
            f"| {r['right']} of {r['faulty']} | {r['parent']} | {r['named_wrong']} | {r['false']} of {r['healthy']} "
            f"| {r['unknown']} | {r['auroc']:.3f} |"
        )
    return "\n".join(rows)
