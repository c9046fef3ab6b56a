"""Evidence: the windows behind an event, the outputs of the network for them, and how the decision was made."""
