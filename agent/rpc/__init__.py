"""The desk: where people and programs command the agent, over MQTT, and where they are answered."""
