"""Training: a recipe and its recordings to a calibrated checkpoint."""
