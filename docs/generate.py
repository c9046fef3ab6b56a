"""Writes the parts of the documentation that follow from the code: `make docs`. A test keeps them in step.

Between `<!-- NAME -->` and `<!-- /NAME -->` the text is ours; JSON Schemas are whole files.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from drsn.agent.alarms import TRANSITIONS, State
from drsn.agent.bundles import SHIPPED, shipped
from drsn.agent.cases.steps import KINDS, Step
from drsn.agent.documents import schemas
from drsn.agent.settings import Settings
from drsn.agent.simulation.markdown import delays_table, rules_table, strangers_table
from drsn.agent.votes import Quorum
from drsn.model.benchmark import bars, results, tables
from drsn.model.bundle import open_bundle
from drsn.model.rungs import RUNGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import Enum

    from pydantic.fields import FieldInfo

ROOT = Path(__file__).parents[1]


def generated() -> dict[Path, str]:
    """Every file that has generated parts -> its whole text as it should be."""
    files = {
        ROOT / "docs" / "schemas" / f"{name}.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        for name, schema in schemas().items()
    }
    parts = {
        ROOT / "docs" / "mqtt.md": {"settings": settings_table()},
        ROOT / "docs" / "architecture.md": {"states": state_diagram()},
        ROOT / "docs" / "alarms.md": {
            "states": state_diagram(),
            "simulated": alarms_parts(),
            "doubt": doubt_table(),
            **commission_parts(),
        },
        ROOT / "docs" / "accuracy.md": accuracy_parts(),
        ROOT / "docs" / "models.md": {"accuracy": accuracy_table()},
        ROOT / "docs" / "novelty.md": {
            "refused": refused_table(),
            "accepted": accepted_table(),
            "left_out": left_out_table(),
        },
        ROOT / "docs" / "evidence.md": {"costs": evidence_costs()},
        ROOT / "docs" / "alarm_cases.md": {"steps": steps_table()},
        ROOT / "README.md": {"bundles": bundles_table()},
    }
    return files | {path: _filled(path, names) for path, names in parts.items()}


def _filled(path: Path, parts: dict[str, str]) -> str:
    text = path.read_text(encoding="utf-8")
    for name, content in parts.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(pattern, lambda m, c=content: f"{m[1]}{c}\n{m[2]}", text, flags=re.DOTALL)
        assert count == 1, f"{path} has no place for {name}"
    return text


def settings_table() -> str:
    """Every setting of the agent: name, default, meaning."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    rows += [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in _settings(Settings)]
    return "\n".join(rows)


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        nested, many = _section(field)
        if nested is None:
            meaning = "; ".join(filter(None, (_choices(field), field.description)))
            yield f"{prefix}{name}", _default(field), meaning
        else:
            yield from _settings(nested, f"{prefix}{name}{'[]' if many else ''}.")


def _section(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    kind = field.annotation
    many = get_origin(kind) is tuple
    inner = get_args(kind)[0] if many else kind
    return (inner, many) if isinstance(inner, type) and issubclass(inner, BaseModel) else (None, many)


def _choices(field: FieldInfo) -> str:
    return (
        ", ".join(str(v).lower() for v in get_args(field.annotation)) if get_origin(field.annotation) is Literal else ""
    )


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined:
        return "of the host" if field.default_factory else "**required**"
    if value is None or value == ():
        return "none"
    if isinstance(value, (str, Quorum)):
        return f'`"{getattr(value, "value", value)}"`'
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def steps_table() -> str:
    """Every field of every step of an alarm case."""
    rows = ["| step | field | default | meaning |", "|---|---|---|---|"]
    for kind in dict.fromkeys((Step, *KINDS.values())):
        name = "any" if kind is Step else ", ".join(f"`{key}`" for key, value in KINDS.items() if value is kind)
        own = {k: field for k, field in kind.model_fields.items() if kind is Step or k not in Step.model_fields}
        names = [name, *[""] * (len(own) - 1)]
        cells = zip(names, own.items(), strict=True)
        rows += [f"| {n} | `{key}` | {_default(field)} | {field.description} |" for n, (key, field) in cells]
    return "\n".join(rows)


def state_diagram() -> str:
    """The alarm's transition table as Mermaid."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.NORMAL.value}"]
    lines += [
        f"    {before.value} --> {after.value}: {_word(signal)}" for (before, signal), after in TRANSITIONS.items()
    ]
    return "\n".join([*lines, "```"])


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


def alarms_parts() -> str:
    """What `benchmarks/alarms.py` measured: rules over SNR, rules at equal false alarms, verdicts."""
    found = json.loads((ROOT / "benchmarks" / "results" / "alarms.json").read_text(encoding="utf-8"))
    equal, worst = found["equal_false_alarms"], min(found["plan"]["snr_db"])
    seen = f"{found['windows_that_the_network_saw']:,} windows, {found['hours_of_signal_that_the_network_saw']:g} hours"
    alike = [
        (f"{scene}, {speech}", row)
        for speech in ("abstaining", "outspoken")
        for scene in ("quiet", "disturbed")
        for row in equal[speech][scene]
    ]
    name, days = f"`{found['bundle']['name']}` {found['bundle']['version']}", found["plan"]["days"]
    most = f"{equal['at_most_per_sensor_day']:g} a sensor-day at most, at {worst:g} dB"
    parts = [
        f"Bundle {name}; {seen} of signal through the network. False alarms are those of machine conditions",
        f"on healthy recordings in {days:g} sensor-days (a tenth for the first two rules), with the upper 95 % bound a",
        "day. Delays are of the slowest condition. *Dropping*: the sequential test if it left out what the model",
        "abstains from.",
        "",
        rules_table([(f"{row['snr_db']:g} dB", row) for row in found["rules"]]),
        "",
        "Delay by condition, median / 95th percentile in seconds:",
        "",
        delays_table(found["rules"]),
        "",
        f"At {worst:g} dB, *outspoken*: as if the model never abstained:",
        "",
        rules_table([(f"{row['snr_db']:g} dB", row) for row in found["outspoken"]]),
        "",
        f"At equal false alarms, {most}: the fastest of each family that has one:",
        "",
        rules_table(alike),
        "",
        "Signals of no machine, or of another, an hour each: how many streams raise a machine's condition.",
        "",
        strangers_table(found["strangers"]),
        "",
        "What was asked for, and whether it is met:",
        "",
        "\n".join(f"* {'yes' if met else '**no**'}: {what}" for what, met in found["musts"].items()),
    ]
    return "\n".join(parts)


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


def _word(signal: Enum) -> str:
    return str(signal.value)


def bundles_table() -> str:
    """What each shipped bundle was measured to do on its test set."""
    rows = ["| bundle | labels | test set | as recorded | +10 dB | 0 dB | false alarms at 0 dB | parameters |",
            "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for name in SHIPPED:
        manifest = open_bundle(shipped(name)).manifest
        assert manifest.training is not None
        metrics, data = manifest.training.metrics, manifest.training.recipe["data"]
        loads = "-".join(map(str, data.get("test_loads_hp", ())))
        what = f"CWRU, {loads} hp" if data["source"] == "cwru" else f"{data['test_machines']} unseen simulated machines"
        cells = [_mean(metrics["test"], snr_db, "accuracy") for snr_db in (None, 10.0, 0.0)]
        false_alarms = _mean(metrics["test"], 0.0, "false_alarms")
        labels = len(manifest.contract.labels)
        rows.append(
            f"| `{name}` | {labels} | {what} | {' | '.join(cells)} | {false_alarms} | {metrics['parameters']:,} |"
        )
    return "\n".join(rows)


ACCURACY = ROOT / "benchmarks" / "results" / "accuracy"
CONTESTANTS = ROOT / "benchmarks" / "results" / "contestants.json"
ASKED_ALIKE = {
    "grid-loads": ("cwru-0-to-3", "cwru-loads", "cwru-3-to-0", "cwru-ceiling"),
    "grid-sizes": tuple(rung for rung in RUNGS if re.fullmatch(r"cwru-size-\d+", rung)),
    "grid-speeds": tuple(rung for rung in RUNGS if re.fullmatch(r"hit_sm-[a-z_]+-\d+", rung)),
    "grid-rigs": tuple(rung for rung in RUNGS if re.fullmatch(r"hit_sm-[a-z_]+-to-[a-z_]+", rung)),
}


def accuracy_parts() -> dict[str, str]:
    """Every table of docs/accuracy.md, of the cells that are there."""
    cells = results.read_cells(ACCURACY / "test")
    timed = json.loads(CONTESTANTS.read_text(encoding="utf-8"))["rows"]
    us_per_window = {row["contestant"]: row["us per window"] for row in timed}
    shown = ("shipped", "shipped_resnet", "drsn_cw", "random_forest")
    return {
        "bars": bars.bars_table(cells),
        "differences": tables.differences_table(cells),
        **{name: tables.grid_table(cells, rungs, us_per_window) for name, rungs in ASKED_ALIKE.items()},
        "recordings": tables.recordings_table(cells, "cwru-0-to-3", shown, -6.0),
        "paper": bars.paper_table(cells),
        "tried": tables.tried_table(results.read_cells(ACCURACY / "selection")),
        "full_band": full_band_table(),
    }


def full_band_table() -> str:
    """What `benchmarks/full_band.py` measured."""
    found = json.loads((ROOT / "benchmarks" / "results" / "full_band.json").read_text(encoding="utf-8"))["rows"]
    rows = [[str(value) if isinstance(value, str) else f"{value:.1f}" for value in row.values()] for row in found]
    return tables.markdown(list(found[0]), rows)


NOVELTY = ROOT / "benchmarks" / "results" / "novelty.json"


def _novelty() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(NOVELTY.read_text(encoding="utf-8"))
    return document


def commission_parts() -> dict[str, str]:
    """What `benchmarks/commission.py` measured: gain and cost of an allowance."""
    found = json.loads((ROOT / "benchmarks" / "results" / "commission.json").read_text(encoding="utf-8"))
    gain = [
        "| noise | half | allowance | other half accepted | faults accepted | of those named right |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["machine_at_3_hp"]:
        level = "as recorded" if row["snr_db"] is None else f"{row['snr_db']:+g} dB"
        allowance = "**refused**" if row["allowance"] is None else f"{row['allowance']:.1f}"
        both = [row["before"], row.get("after") or row["before"]]
        cells = [
            " → ".join(f"{100 * part[what][key]:.1f}" for part in both) + " %"
            for what, key in (("healthy", "accepted"), ("faults", "accepted"), ("faults", "right_of_accepted"))
        ]
        gain.append(f"| {level} | {row['half']} | {allowance} | {' | '.join(cells)} |")
    names = list(found["cost"][0]["refused"])
    cost = [f"| allowance | {' | '.join(f'refused: {name}' for name in names)} |", "|---" * (len(names) + 1) + "|"]
    for row in found["cost"]:
        cells = [f"{100 * row['refused'][name]:.1f} %" for name in names]
        cost.append(f"| {row['allowance']:.1f} | {' | '.join(cells)} |")
    cost[-1] = cost[-1].replace("| ", "| at most ", 1)
    return {"commissioned": "\n".join(gain), "allowed": "\n".join(cost)}


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


SNR_DB = (None, 10.0, 0.0, -3.0, -6.0, -10.0)


def accuracy_table() -> str:
    """Test accuracy of each shipped bundle over SNR."""
    rows = ["| accuracy, mean of three noises | as recorded | +10 dB | 0 dB | -3 dB | -6 dB | -10 dB |",
            "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name in SHIPPED:
        training = open_bundle(shipped(name)).manifest.training
        assert training is not None
        cells = (_mean(training.metrics["test"], snr_db, "accuracy") for snr_db in SNR_DB)
        rows.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(rows)


def _mean(test: list[dict[str, Any]], snr_db: float | None, key: str) -> str:
    values = [row[key] for row in test if row["snr_db"] == snr_db]
    return f"{100 * sum(values) / len(values):.1f} %" if values else "not measured"


if __name__ == "__main__":
    for path, text in generated().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
