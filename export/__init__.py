"""From a checkpoint to a verified bundle, and from a bundle to an engine."""
