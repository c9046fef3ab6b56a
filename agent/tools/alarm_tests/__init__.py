"""`drsn-agent test-alarms`: alarm cases in TOML, inputs over time and the events that they must make."""
