"""From committed events to the broker."""
