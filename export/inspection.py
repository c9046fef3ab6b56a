"""A bundle's manifest as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drsn.model.bundle import Bundle


def describe(bundle: Bundle) -> str:
    """Describe a bundle in some twenty lines of plain text."""
    manifest, contract = bundle.manifest, bundle.contract
    threshold = contract.abstention_threshold
    lines = [
        f"{manifest.name} {manifest.version}, made {manifest.created}",
        f"sha256      {bundle.sha256}",
        (
            f"input       float32[batch, {contract.input_channels}, {contract.window}] "
            f"at {contract.sample_rate_hz:g} Hz, band-limited to {contract.bandwidth_hz:g} Hz"
        ),
        f"abstains    {'never' if threshold is None else f'above a novelty of {threshold:.4g}'}",
        "labels",
        *(
            f"  {label.name:20} {label.condition:16} {label.severity.value:9} {label.size or ''}"
            + (f" of {label.parent}" if label.parent else "")
            for label in contract.labels
        ),
        f"noise       {manifest.noise_verdict}",
        "files",
        *(f"  {name:20} {entry.bytes:>10,} bytes  {entry.sha256[:16]}" for name, entry in manifest.files.items()),
        "parity",
        *(
            f"  {p.pair}: {p.max_abs:.2g} (tolerance {p.tolerance:g}), labels {p.label_agreement:.1%} of {p.windows}"
            for p in manifest.parity
        ),
        "made with   " + ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    ]
    return "\n".join(lines)
