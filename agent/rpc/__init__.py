"""Remote procedure calls over MQTT: commands of operators and programs, and the agent's answers."""
