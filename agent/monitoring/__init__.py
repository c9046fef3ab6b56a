"""Monitors evaluate each batch beside the network: baseline, vibration level, bearing detector. No clock or log."""
