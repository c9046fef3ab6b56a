"""What a user would write: paho, one call of ONNX Runtime per message, the most probable label. It publishes nothing.

Arguments: port, client id, ONNX file, topic filter, messages between two lines of progress. A line of progress is
the number of windows, monotonic seconds, and CPU seconds of this process.
"""

import itertools
import sys
import time
from typing import Any

import numpy as np
import onnxruntime
import paho.mqtt.client as mqtt

port, client_id, model, topic, every = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # as the agent; with two threads a call of batch 1 costs more CPU than it saves time
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
labels: list[int] = [0] * 256
numbers = itertools.count(1)


def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
    """Decode the samples behind the header of 48 bytes, and classify them."""
    x = np.frombuffer(message.payload, np.float32, offset=48).reshape(1, 1, -1)
    (probabilities,) = session.run(["probabilities"], {"x": x})
    labels[int(np.argmax(probabilities))] += 1
    windows = next(numbers)
    if windows % int(every) == 0:
        print(windows, time.monotonic(), time.process_time(), flush=True)


def on_connect(client: mqtt.Client, *_: Any) -> None:  # noqa: ANN401 (the signature is the library's)
    """Subscribe again; the session and its queue are kept by the broker."""
    client.subscribe(topic, qos=1)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, clean_session=False)
client.on_connect, client.on_message = on_connect, on_message
client.connect("127.0.0.1", int(port))
client.loop_forever()
