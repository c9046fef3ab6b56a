"""The `replay` command."""
