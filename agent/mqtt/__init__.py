"""The connection to the broker: one adapter around paho, and a stub with the same interface."""
