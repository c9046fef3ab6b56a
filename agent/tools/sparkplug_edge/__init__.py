"""`drsn-sparkplug`: the alarms of the agents as an edge node of Sparkplug B."""
