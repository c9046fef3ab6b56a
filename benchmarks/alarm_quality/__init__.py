"""The alarm-quality study: five alarm rules on recordings with noise and disturbances (docs/trust/alarm-quality.md)."""
