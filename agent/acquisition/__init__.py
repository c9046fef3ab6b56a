"""From an MQTT payload to a batch of windows: codecs, continuity, ring buffers, quotas."""
