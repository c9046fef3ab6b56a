"""The demo: an embedded broker, replayed machines, the agent and a live view, in one process."""
