"""Backends: run a bundle's network, one module for each runtime."""

import os

# ONNX Runtime 1.29 and later send telemetry to their vendor and write a device id into the home directory, unless this
# variable is set before the first import. To allow it, set the variable to 0
# (docs/contribute/decisions/0003-no-telemetry.md).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
