"""The accuracy grid: contestants under one recipe on every protocol, one JSON a cell: docs/trust/accuracy.md.

It runs from a source checkout: `python benchmarks/accuracy`. Modules import each other as `accuracy`, from benchmarks/.
"""
