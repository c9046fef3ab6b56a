"""From the network's outputs to alarm states: diagnosis, alarm rules, gate, alarm logic. No clock, log or file."""
