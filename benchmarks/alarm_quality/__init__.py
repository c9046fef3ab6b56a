"""The alarm-quality study: five alarm rules compared on recordings with noise and disturbances (docs/alarms.md)."""
