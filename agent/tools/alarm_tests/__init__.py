"""Alarm cases: what must become of given windows, commands and restarts, written in TOML (docs/alarm_cases.md)."""
