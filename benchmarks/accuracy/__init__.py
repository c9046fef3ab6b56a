"""The accuracy grid: contestants under one recipe on every evaluation protocol, one JSON a cell; see docs/accuracy.md.

It runs from a source checkout: `python benchmarks/accuracy`. Modules import each other as `accuracy`, from benchmarks/.
"""
