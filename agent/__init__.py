"""The long-running service: windows of vibration in by MQTT, alarms out by MQTT. No torch, no onnx."""
