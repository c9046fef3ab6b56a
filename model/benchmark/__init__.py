"""The benchmark: contestants under one recipe on every rung, one JSON a cell; see docs/accuracy.md."""
