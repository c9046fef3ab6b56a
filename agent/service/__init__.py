"""The process: the loop, its composition root, health, reload, the lease on the agent id."""
