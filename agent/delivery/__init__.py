"""Delivery: committed events, alarms, results, status and health to the broker."""
