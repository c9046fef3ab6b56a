"""Meaning and remedy of values: status, health, refused packets, the agent's own conditions, exit codes.

docs/use/runbook.md is made of these tables and of `log_lines`. A test (test_remedies.py) compares them with the code.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Remedy(NamedTuple):
    """One value."""

    meaning: str
    remedy: str


STATES: Mapping[str, Remedy] = MappingProxyType({
    "online": Remedy("The agent works as it is configured. `warnings` may need attention.", "Read `warnings`."),
    "degraded": Remedy("The agent works, but something that is configured does not. `reasons` says what.",
                       "Read `reasons`; the next table explains them."),
    "stopped": Remedy("The agent was stopped in order. Its alarms are no longer updated.",
                      "Start the service, if this was not intended."),
    "offline": Remedy("The agent ended by an error, or its machine or network failed. Its alarms are not valid.",
                      "Read the last lines of the log: `journalctl -u drsn-agent@line4 -n 50`."),
})  # fmt: skip
"""`state` of the status."""

REASONS_AND_WARNINGS: Mapping[str, Remedy] = MappingProxyType({
    "the agent continues in memory": Remedy(
        "The journal cannot be written. Alarms still go out.",
        "Free space, check permissions, or replace the disk. Do not stop the agent before: new events would be lost."),
    "and was renamed to": Remedy(
        "The database was damaged, or older than expected. The agent started a new one.",
        "Check the disk. After a restored backup this is expected. A restart ends the message."),
    "broker denies the subscription": Remedy(
        "The broker's ACL does not allow the agent to read a topic.", "Allow it (configs/broker/acl)."),
    "broker refuses events": Remedy(
        "The broker does not accept events. They wait in the journal.",
        "Allow the agent to write `<prefix>/#`, or raise the broker's quota."),
    "broker refuses alarms": Remedy(
        "The broker does not accept alarms or the status. What the broker shows may be old.",
        "Allow the agent to write `<prefix>/#`, or raise the broker's quota."),
    "evidence cannot be written": Remedy(
        "The windows behind events are not stored. Alarms are not affected.",
        "Free space on the disk, or check the permissions of the state directory."),
    "the broker's certificate is not checked": Remedy(
        "`mqtt.insecure` is set. Others on the network can read the password and forge alarms.",
        "Set `mqtt.ca_file`, and remove `mqtt.insecure`."),
    "build one": Remedy(
        "No TensorRT engine fits this machine. The network runs on ONNX Runtime.",
        "Run the command that the message ends with, then restart the agent ([Jetson](../start/jetson.md))."),
    "not watched": Remedy(
        "Packets of these sources are not diagnosed.", "See the table of reasons below."),
    "also read by another agent with the same prefix": Remedy(
        "Two agents overwrite each other's alarms.", "Give each agent its own sensors, or its own `agent.prefix`."),
    "alarms have conditions that bundle": Remedy(
        "The bundle was replaced. These alarms cannot be cleared by windows.", "`drsn-agent reset` each of them."),
    "and were not restored": Remedy(
        "The broker has alarms with this agent's id that the agent cannot use.", "`drsn-agent forget` each of them."),
    "the broker does not allow the agent to read the alarms": Remedy(
        "After a lost state directory the alarms could not be restored.", "Allow it (configs/broker/acl)."),
    "the broker's certificate ": Remedy(
        "It has expired, or expires within 30 days. Then the agent cannot connect.", "Renew it at the broker."),
    "mqtt.cert_file": Remedy(
        "The client certificate has expired, or expires within 30 days.", "Get a new one, and replace the file."),
    "mqtt.ca_file": Remedy(
        "The authority's certificate has expired, or expires within 30 days.", "Replace the file."),
    "MQTT 3.1.1 for": Remedy(
        "The broker does not accept MQTT 5. The agent works, but cannot detect a refused publish.",
        "Nothing, if `drsn-agent doctor` finds no problem."),
})  # fmt: skip
"""Part of a text in `reasons` or `warnings` of the status."""

HEALTH: Mapping[str, Remedy] = MappingProxyType({
    "at": Remedy("Older than three times `agent.health_every_s`: the agent no longer works.", "Look at the service."),
    "packets.shed": Remedy("Rises: QoS 0 packets arrive faster than they are diagnosed.",
                           "Publish at QoS 1, or divide the sensors over more agents (`drsn-agent bench`)."),
    "packets.rejected": Remedy("Rises: packets are refused; `rejected` has the reasons.",
                               "See the table of refused packets."),
    "packets.duplicate": Remedy("Rises quickly: a sensor repeats `seq`, or two clients publish one sensor.",
                                "Check `seq` and `boot_id` of the sensors."),
    "packets.stale": Remedy("Rises: packets are older than `agent.max_age_s`. After an outage of the broker this is "
                            "expected for some minutes.", "Check the clocks of the sensors."),
    "packets.other_shard": Remedy("`agent.shard` is set: another agent has the sensors of these packets.",
                                  "None needed; with N agents of equal load N - 1 of N packets."),
    "packets.in_flight": Remedy("Stays high: the agent or its disk is too slow.", "Check CPU and disk."),
    "not_watched": Remedy("Not empty: these sources are not diagnosed.", "See the table of reasons."),
    "wrong_clocks": Remedy("Above 0: sensors have wrong time stamps.", "Set their clocks, or send no `t0`."),
    "unknown_operating_state": Remedy("Rises: a machine runs in a way that its baseline does not contain.",
                                      "Commission the machine again, in all its operating states."),
    "gaps": Remedy("Rises quickly: packets are lost before the agent.", "Check the network, and publish at QoS 1."),
    "lost_samples": Remedy("Rises quickly: samples do not fill windows.", "Send whole windows in each packet."),
    "inbox": Remedy("Stays high: packets wait for the agent.", "Check CPU and disk; `drsn-agent bench`."),
    "reconnects": Remedy("Rises: packets are not finished in time.", "Check the disk and the CPU load."),
    "unpublished_events": Remedy("Stays above 0: the broker does not confirm events.",
                                 "Check the connection and the broker's ACL."),
    "lost_events": Remedy("Above 0: events were lost.", "Check disk and broker. The retained alarms are right."),
    "commands_dropped": Remedy("Above 0: a client sends too many commands.", "Find the client."),
    "commands_failed": Remedy("Above 0: a defect of the agent.", "Report the log lines to the authors."),
    "latency_ms": Remedy("p99 above 1000: decisions are late.", "Check CPU and disk; `drsn-agent bench`."),
    "inference_ms": Remedy("Rises: the network needs more time, so the CPU or the GPU is busy.",
                           "Stop other programs, or lower the clock limits of the device."),
    "evidence.failed": Remedy("Above 0: evidence was not stored.", "Free space on the disk."),
    "evidence.dropped": Remedy("Above 0: evidence did not fit into memory.", "Lower `evidence.windows`."),
    "evidence.crowded_out": Remedy("Above 0: that many sensors have no evidence.",
                                   "Lower `evidence.windows`, or raise `agent.max_sensors`."),
})  # fmt: skip
"""Field of the health document -> when it needs attention."""

REFUSALS: Mapping[str, str] = MappingProxyType({
    "retained": "The broker had retained the packet.",
    "too_large": "The payload is larger than `max_packet_bytes`.",
    "empty": "The payload is empty, or has no samples.",
    "truncated": "The payload ends in the middle of a sample or a header.",
    "bad_header": "The header of a frame has impossible values.",
    "bad_crc": "The checksum of a frame does not match.",
    "bad_document": "The document (JSON, CBOR and so on) cannot be read, or a field has an impossible value.",
    "bad_property": "A user property (`seq`, `boot_id`, `t0_unix_ns`) has an impossible value.",
    "wrong_encoding": "The samples have another type, byte order or encoding than the input states.",
    "non_finite": "Samples are NaN, infinite or above 1e15.",
    "wrong_rate": "The sample rate is missing, too low for the model, or too high.",
    "wrong_channels": "The packet has another number of channels than expected.",
    "unknown_topic": "No input matches the topic.",
    "illegal_sensor": "The topic gives no valid sensor id.",
    "too_many_sensors": "`agent.max_sensors` is reached.",
    "poison": "The agent crashed three times while it handled this packet.",
    "internal": "A defect of the agent.",
})  # fmt: skip
"""Reason of a refused packet. What to do is in `acquisition.not_watched`."""

CONDITIONS: Mapping[str, Remedy] = MappingProxyType({
    "silent": Remedy("The sensor sends no windows (`alarms.silent_after_s`).",
                     "Check its power, its network and its topic. `drsn-agent forget` removes an old sensor."),
    "sensor_fault": Remedy("The signal shows a fault of the sensor, not of the machine. The label names it.",
                           "See the next table. The machine is not diagnosed until the fault is gone."),
    "unknown": Remedy("The signal differs from everything that the model was trained with.",
                      "Inspect the machine. If it is healthy, commission it, or use another "
                      "[model](which-model.md)."),
    "changed": Remedy("The machine differs from its baseline. The label names what changed.",
                      "Inspect the machine. After a repair commission it again."),
    "vibration_level": Remedy("The vibration velocity is in a high zone of ISO 20816-3. The label names the zone.",
                              "Inspect the machine; see [vibration level](level.md)."),
})  # fmt: skip
"""Conditions of the agent itself, besides those of the model."""

SENSOR_FAULTS: Mapping[str, Remedy] = MappingProxyType({
    "non_finite": Remedy("Samples are not finite numbers.", "Check the sensor's software."),
    "flat": Remedy("The signal does not move.", "Check the cable and the power of the sensor."),
    "stuck": Remedy("The signal has three values at most.", "Restart the sensor. Check its resolution and range."),
    "clipping": Remedy("The signal exceeds the range of the sensor.", "Use a larger range."),
    "dropout": Remedy("A part of the window has one value.", "Check the cable for a loose contact."),
    "stale": Remedy("Samples are repeated: the sensor is read faster than it measures.",
                    "Set the sample rate of the sensor, and send each sample once."),
    "offset": Remedy("The mean value is more than 1000 times the vibration.", "Check the amplifier and its supply."),
    "ski_slope": Remedy("The signal drifts, as after a shock or a loose mounting.", "Check mounting and cable."),
    "wrong_rate": Remedy("The measured sample rate differs from the stated one by more than 2 %.",
                         "Correct the sample rate in the packets or in the input."),
})  # fmt: skip
"""Label of `sensor_fault`."""

EXIT_CODES: Mapping[int, Remedy] = MappingProxyType({
    0: Remedy("The command succeeded, or the service was stopped.", "Nothing."),
    1: Remedy("The command worked, but its result is negative, such as a refused command.", "Read its output."),
    64: Remedy("The command line is wrong.", "Run the command with `--help`. systemd does not restart the service."),
    65: Remedy("The input data cannot be used.", "Correct the file that the message names."),
    69: Remedy("A broker, a device or a library is not available, or another agent has the `agent.id`.",
               "Run `drsn-agent doctor`. systemd restarts the service."),
    74: Remedy("Reading or writing a file failed.", "Check the disk and the permissions."),
    78: Remedy("The configuration or the bundle is wrong.",
               "Run `drsn-agent check`, and correct what it names. systemd does not restart the service."),
    130: Remedy("The command was interrupted (Ctrl-C).", "Nothing."),
    141: Remedy("The program that read the output ended.", "Nothing."),
})  # fmt: skip
"""Exit code of a command or of the service; `model.errors` has the classes."""
