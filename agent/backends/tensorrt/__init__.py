"""The TensorRT backend: engine files, their runtime, and one module per foreign API."""
