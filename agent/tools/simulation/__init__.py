"""How good are the alarms? Recordings with noise and disturbances, through the steps of the agent."""
