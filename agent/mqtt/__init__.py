"""MQTT: the connection to the broker, an adapter around paho, and a stub with the same interface."""
