"""The `evidence` command."""
