"""Monitors that run beside the network on each batch."""
