"""Backends: run a bundle's network; one module per engine."""

import os

# ONNX Runtime 1.29 and later report to their maker unless this stands before their first import, and leave a device id
# in the home directory. What a plant's machine does is the plant's business; who wants it sets the variable to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
