"""The alarm-quality study: five alarm rules compared on recordings with noise and disturbances (docs/use/alarms.md)."""
