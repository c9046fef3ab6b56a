"""Evidence: the windows behind an event, what the network said of them, and how the decision came about."""
