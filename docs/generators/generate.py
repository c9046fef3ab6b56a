"""Writes the parts of the documentation that follow from the code: `make docs`. A test keeps them in step.

Between `<!-- NAME -->` and `<!-- /NAME -->` the text is ours; JSON Schemas are whole files.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncapi
import broker_matrix
import costs
import grafana
import limits
import measured
import presets
import promises
import readable
import runbook
import survived
import vibration
from commands_page import commands_page
from fields import HEAD, default_text, settings_rows, table
from notify_page import notify_page
from recipes_page import recipes_page
from settings_page import settings_page
from topics_page import payloads_page, topics_page

from drsn.agent.acquisition.not_watched import REASONS
from drsn.agent.bundles import SHIPPED, shipped
from drsn.agent.decision.alarm_state import TRANSITIONS, State
from drsn.agent.schema.json_schemas import schemas
from drsn.agent.tools.alarm_tests.steps import STEP_KINDS, Step
from drsn.agent.tools.opcua.settings import OpcuaSection
from drsn.agent.tools.web.settings import WebSection
from drsn.model.bundle import Manifest, open_bundle

if TYPE_CHECKING:
    from enum import Enum


ROOT = Path(__file__).parents[2]


def generated() -> dict[Path, str]:
    """Every file that has generated parts -> its whole text as it should be."""
    files = {
        ROOT / "docs" / "reference" / "schemas" / f"{name}.json": json.dumps(schema, indent=1, ensure_ascii=False)
        + "\n"
        for name, schema in schemas().items()
    }
    files[ROOT / "docs" / "asyncapi.json"] = json.dumps(asyncapi.document(), indent=1, ensure_ascii=False) + "\n"
    files |= {
        ROOT / "configs" / "grafana" / "drsn-edge.json": grafana.document(),
        ROOT / "docs" / "reference" / "settings.md": settings_page(),
        ROOT / "docs" / "reference" / "topics.md": topics_page(),
        ROOT / "docs" / "reference" / "payloads.md": payloads_page(),
        ROOT / "docs" / "reference" / "recipes.md": recipes_page(),
        ROOT / "docs" / "reference" / "commands.md": commands_page(),
        ROOT / "docs" / "reference" / "notify-settings.md": notify_page(),
    }
    parts = {
        ROOT / "docs" / "reference" / "mqtt.md": {"not_watched": not_watched_table()},
        ROOT / "docs" / "use" / "runbook.md": runbook.parts(),
        ROOT / "docs" / "reference" / "alarm-rules.md": {"states": state_diagram()},
        ROOT / "docs" / "trust" / "alarm-quality.md": {
            "simulated": measured.alarms_parts(),
            "doubt": measured.doubt_table(),
        },
        ROOT / "docs" / "trust" / "baseline-quality.md": {"baseline": measured.baseline_table()},
        ROOT / "docs" / "trust" / "accuracy.md": {**measured.accuracy_parts(), "accuracy": accuracy_table()},
        ROOT / "docs" / "reference" / "files.md": {
            "formats": readable.formats_table(),
            "public": readable.public_table(),
        },
        ROOT / "docs" / "trust" / "unseen-machines.md": {
            "foreign": measured.foreign_table(),
            "shrinkage": measured.shrinkage_table(),
            "baseline": measured.baseline_table("spectraquest", "mfpt"),
        },
        ROOT / "docs" / "trust" / "novelty.md": {
            "refused": measured.refused_table(),
            "accepted": measured.accepted_table(),
            "left_out": measured.left_out_table(),
        },
        ROOT / "docs" / "trust" / "performance.md": {"bars": costs.bars_table(), "stages": costs.stages_table()},
        ROOT / "docs" / "trust" / "evidence-quality.md": {"costs": measured.evidence_costs()},
        ROOT / "docs" / "use" / "page-server.md": {
            "settings": table(HEAD, settings_rows(WebSection.model_fields)),
            "cost": measured.page_cost(),
        },
        ROOT / "docs" / "use" / "opcua.md": {"opcua settings": table(HEAD, settings_rows(OpcuaSection.model_fields))},
        ROOT / "docs" / "use" / "level.md": {"zones": vibration.zones_table()},
        ROOT / "docs" / "trust" / "level-quality.md": {
            "errors": vibration.errors_table(),
            "costs": vibration.costs_table(),
        },
        ROOT / "docs" / "reference" / "brokers.md": {"measured": broker_matrix.matrix()},
        ROOT / "docs" / "trust" / "bearing-quality.md": {"detector": measured.bearing_detector_table()},
        ROOT / "docs" / "start" / "sensors" / "index.md": {
            "presets": presets.presets_table(),
            "rates": presets.rates_table(),
        },
        ROOT / "docs" / "reference" / "alarm-cases.md": {"steps": steps_table()},
        ROOT / "docs" / "trust" / "reliability.md": {
            **{f"promises: {topic}": promises.table(topic) for topic in promises.TOPICS},
            "limits: packet": limits.table(limits.PACKETS),
            "limits: event": limits.table(limits.EVENTS),
            "limits: identity": limits.table(limits.IDENTITY),
            "chaos": survived.chaos_table(),
            "soak": survived.soak_told(),
        },
        ROOT / "docs" / "trust" / "security.md": {
            "limits": limits.table(limits.OUTSIDE),
            "fuzz": survived.fuzz_table(),
        },
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


def not_watched_table() -> str:
    """Why a source is not watched, and what to do."""
    rows = ["| reason | what to do |", "|---|---|"]
    return "\n".join([*rows, *(f"| `{reason}` | {remedy} |" for reason, remedy in REASONS.items())])


def steps_table() -> str:
    """Every field of every step of an alarm case."""
    rows = ["| step | field | default | meaning |", "|---|---|---|---|"]
    for kind in dict.fromkeys((Step, *STEP_KINDS.values())):
        name = "any" if kind is Step else ", ".join(f"`{key}`" for key, value in STEP_KINDS.items() if value is kind)
        own = {k: field for k, field in kind.model_fields.items() if kind is Step or k not in Step.model_fields}
        names = [name, *[""] * (len(own) - 1)]
        cells = zip(names, own.items(), strict=True)
        rows += [f"| {n} | `{key}` | {default_text(field)} | {field.description} |" for n, (key, field) in cells]
    return "\n".join(rows)


def state_diagram() -> str:
    """The alarm's transition table as Mermaid."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.NORMAL.value}"]
    lines += [
        f"    {before.value} --> {after.value}: {_word(signal)}" for (before, signal), after in TRANSITIONS.items()
    ]
    return "\n".join([*lines, "```"])


def _word(signal: Enum) -> str:
    return str(signal.value)


def bundles_table() -> str:
    """What each shipped bundle was measured to do on its test set, with what that set is beside each figure."""
    rows = ["| bundle | labels | tested on | as recorded | +10 dB | 0 dB | false alarms at 0 dB | parameters |",
            "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for name in SHIPPED:
        manifest = open_bundle(shipped(name)).manifest
        assert manifest.training is not None
        metrics = manifest.training.metrics
        cells = [_mean(metrics["test"], snr_db, "accuracy") for snr_db in (None, 10.0, 0.0)]
        false_alarms = _mean(metrics["test"], 0.0, "false_alarms")
        labels = len(manifest.contract.labels)
        rows.append(
            f"| `{name}` | {labels} | {_tested_on(manifest)} | {' | '.join(cells)} | {false_alarms} |"
            f" {metrics['parameters']:,} |"
        )
    return "\n".join(rows)


def _tested_on(manifest: Manifest) -> str:
    """The test set of a bundle and its limit, for a cell beside its accuracy."""
    assert manifest.training is not None
    data = manifest.training.recipe["data"]
    if data["source"] == "cwru":
        loads = "-".join(map(str, data["test_loads_hp"]))
        return f"CWRU at {loads} hp: **same bearings and same rig as in training**, other load; no machine of a plant"
    machines = data.get("test_machines") or len(manifest.contract.labels) * data.get("test_recordings", 0)
    return f"{machines} **simulated** machines that were not in training; no machine of a plant"


SNR_DB = (None, 10.0, 0.0, -3.0, -6.0, -10.0)


def accuracy_table() -> str:
    """Test accuracy of each shipped bundle over SNR."""
    rows = ["| bundle | tested on | as recorded | +10 dB | 0 dB | -3 dB | -6 dB | -10 dB |",
            "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for name in SHIPPED:
        manifest = open_bundle(shipped(name)).manifest
        assert manifest.training is not None
        cells = (_mean(manifest.training.metrics["test"], snr_db, "accuracy") for snr_db in SNR_DB)
        rows.append(f"| `{name}` | {_tested_on(manifest)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _mean(test: list[dict[str, Any]], snr_db: float | None, key: str) -> str:
    values = [row[key] for row in test if row["snr_db"] == snr_db]
    return f"{100 * sum(values) / len(values):.1f} %" if values else "not measured"


if __name__ == "__main__":
    for path, text in generated().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
