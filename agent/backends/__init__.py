"""Backends: run a bundle network; one module per engine."""
