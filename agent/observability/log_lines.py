"""The lines that the service writes to its log: what each means, and what to do (docs/use/runbook.md is made of it).

The text of a line stays where it is logged. A test (test_log_lines.py) compares all log calls with this table.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

INFO, WARNING, ERROR = "info", "warning", "error"

START: Final = "The service does not start, or it stops"
SENSORS: Final = "The agent is online, but a sensor is missing"
LATE: Final = "Alarms are late"
DISK: Final = "The disk, and evidence"
BROKER: Final = "The broker"
CLOCK: Final = "The clock"
MODEL: Final = "The model"
COMMANDS: Final = "Commands of operators"
SPARKPLUG: Final = "The Sparkplug edge node"
TOPICS: Final = (START, SENSORS, LATE, DISK, BROKER, CLOCK, MODEL, COMMANDS, SPARKPLUG)
"""Headings of the runbook, in its order."""

NOTHING: Final = "Nothing."


class LogLine(NamedTuple):
    """One kind of line."""

    topic: str
    """One of `TOPICS`."""
    level: str
    meaning: str
    """One or two sentences."""
    remedy: str


LINES: Mapping[str, LogLine] = MappingProxyType({
    "ready": LogLine(
        START, INFO, "The checks have passed and the agent works. `sensors_remembered` are known from earlier runs.",
        NOTHING),
    "stopped": LogLine(START, INFO, "The agent stopped in order. The fields are the totals of this run.", NOTHING),
    "stopped by an error: the broker sends uncommitted packets again": LogLine(
        START, ERROR, "The agent stops. The next line names the error. No QoS 1 packet is lost.",
        "Correct the error that the next line names. systemd restarts the service, except after exit codes 64 and 78."),
    "configuration": LogLine(
        START, WARNING, "The agent works, but a setting is unused, unsafe or unusual. `reason` names it.",
        "Change the setting that `reason` names."),
    "another agent with this agent.id has connected: it started later and must stop": LogLine(
        START, WARNING, "Two agents have the same `agent.id`. This agent continues, the other one stops.",
        "Give each agent its own `agent.id`."),
    "the retained status is of another agent with this agent.id, but that agent sends nothing: "
    "this agent uses the agent.id": LogLine(
        START, WARNING, "The broker has a status of another agent with this `agent.id`. That agent no longer works.",
        "Nothing, if you moved the agent to another machine. Otherwise give each agent its own `agent.id`."),
    "the id of the previous run is unknown": LogLine(
        START, WARNING, "A file of the state directory cannot be read. The start takes up to half a minute longer.",
        "Check the owner and the permissions of the state directory."),
    "cannot write the id of this run": LogLine(
        START, WARNING, "A file cannot be written. After a power cut the start takes up to half a minute longer.",
        "Free space on the disk, and check the permissions of the state directory."),
    "reload accepted: the agent restarts": LogLine(
        START, INFO, "The new configuration passed the check. The agent restarts with it.", NOTHING),
    "reload refused: the agent continues with the old configuration": LogLine(
        START, ERROR, "The new configuration or bundle did not pass the check. `reason` gives the error.",
        "Correct the error, run `drsn-agent check`, and reload again."),

    "source is watched": LogLine(
        SENSORS, INFO, "A sensor that was not watched sends windows again, and is diagnosed.", NOTHING),
    "source is not watched": LogLine(
        SENSORS, WARNING, "Packets of this source are not diagnosed. `reason` is one of the table below.",
        "Do what `remedy` says."),
    "more sources have changed: the health document names them": LogLine(
        SENSORS, WARNING, "Many sources became watched or not watched at once. Their lines were left out.",
        "Look at `drsn-agent alarms --all`."),
    "packet refused": LogLine(
        SENSORS, WARNING,
        "A packet cannot be used. `reason` begins with a name of the table below; `more_like_it` counts further ones.",
        "Look up the name in the table of refused packets."),
    "packet refused: the agent crashed repeatedly while it handled this packet": LogLine(
        SENSORS, ERROR, "The same packet crashed the agent three times. The agent refuses it and continues.",
        "Report it to the authors, with the log lines of the crashes."),
    "codec failed": LogLine(
        SENSORS, ERROR, "A codec raised an unexpected error. The packet is refused. This is a defect of the agent.",
        "Report the line and its traceback to the authors."),
    "sensor removed: it sent no whole window in time": LogLine(
        SENSORS, WARNING,
        "`agent.max_sensors` is reached. A new sensor without a whole window was removed to make room.",
        "Raise `agent.max_sensors`. If the sensor does not exist, find out which client publishes its topic."),
    "no memory for incomplete windows: samples are lost; send whole windows in each packet, "
    "lower the sample rate, or raise agent.max_sensors": LogLine(
        SENSORS, WARNING, "The memory for samples between packets is full. The fastest sensors lose samples.",
        "Send whole windows in each packet, lower the sample rate, or raise `agent.max_sensors`."),
    "two topics have the same sensor id: change the input's `sensor` template": LogLine(
        SENSORS, WARNING, "Packets of two topics are mixed in one sensor, and look like gaps.",
        "Use more `{names}` of the topic in the input's `sensor`."),
    "seq does not rise: the sensor is treated as restarted": LogLine(
        SENSORS, WARNING, "A sensor repeats old sequence numbers. Its packets looked like repetitions.",
        "Let the sensor increase `seq`, and change `boot_id` at each start."),
    "the samples may have another encoding than the input states": LogLine(
        SENSORS, WARNING, "The samples look like noise, or arrive faster than the sample rate. `doubt` explains it.",
        "Compare the input's settings with the sensor: `drsn-agent check --sample FILE`."),
    "another agent reads the same sensors": LogLine(
        SENSORS, WARNING, "Two agents publish alarms of the same sensors under one prefix, and overwrite each other.",
        "Give each agent its own sensors, or its own `agent.prefix`."),
    "some warnings were not kept": LogLine(
        SENSORS, WARNING, "More warnings came at once than the agent keeps. `dropped` is their number.",
        "Correct the causes of the other warnings first."),
    "no velocity: the unit of the packets is unknown (docs/use/level.md)": LogLine(
        SENSORS, WARNING, "The vibration level needs the unit of the samples. The diagnosis works without it.",
        "Send `unit`, or set the input's `unit`."),
    "no velocity: there is no memory for the signal (docs/use/level.md)": LogLine(
        SENSORS, WARNING, "Too many sensors measure a vibration level at a high sample rate.",
        "Lower the sample rate, or set `machine_group` for fewer sensors."),

    "QoS 0 packets dropped: packets arrive faster than the agent diagnoses them": LogLine(
        LATE, ERROR, "The inbox is full. The oldest QoS 0 packets are dropped. `shed` is their number since the start.",
        "Publish at QoS 1, send fewer windows (`hop_windows`, sample rate), or divide the sensors over more agents. "
        "`drsn-agent bench` measures how many sensors this machine can serve."),
    "acknowledgements overdue: the agent connects again": LogLine(
        LATE, ERROR, "A packet was not finished in time. The broker sends it again on a new connection.",
        "If it repeats, check the disk and the CPU load."),
    "connection closed: the broker sent more unacknowledged messages than Receive Maximum allows": LogLine(
        LATE, WARNING, "The broker exceeds a limit of MQTT. The agent connects again, and no packet is lost.",
        "Nothing, if it is rare. Otherwise update the broker."),

    "database fails: the agent continues in memory": LogLine(
        DISK, ERROR, "The journal cannot be written. Alarms still go out. New events are lost if the agent stops.",
        "Do what `reason` suggests: free space, check permissions, replace the disk. Do not stop the agent before."),
    "database works again: all state is on the disk": LogLine(
        DISK, WARNING, "The disk failed before and works again. Nothing of it is lost.", NOTHING),
    "database renamed: a new file is in use": LogLine(
        DISK, ERROR, "The database was damaged, or older than expected. The agent started a new one. `kept` says what "
        "of the old one is kept.",
        "Check the disk. If you restored a backup: this line is expected. The old file may be deleted."),
    "events lost": LogLine(
        DISK, ERROR, "Events are lost that the broker had not confirmed. Subscribers see a gap in `seq`. The retained "
        "alarms are right.",
        "Connect the broker, and check the disk. `reason` names which of them failed."),
    "agent stopped, but some state is not on the disk": LogLine(
        DISK, ERROR, "The agent stopped while the disk did not work. The last changes of alarms are lost.",
        "Repair the disk. Check the alarms after the next start."),
    "the number of the last commit is unknown": LogLine(
        DISK, WARNING, "A file of the state directory cannot be read. A restored old database would not be detected.",
        "Check the permissions of the state directory. The agent writes the file again."),
    "poison-message guard is off: its file cannot be opened": LogLine(
        DISK, WARNING, "A packet that crashes the agent would not be recognised after the restart.",
        "Check the permissions of the state directory."),
    "the file of the poison-message guard was not readable and was replaced": LogLine(
        DISK, WARNING, "The file was damaged, for example by a power cut.", NOTHING),
    "evidence lost": LogLine(
        DISK, ERROR, "The windows behind an event were not written. The event and the alarm are not affected.",
        "Do what `reason` suggests: free space on the disk, or check the permissions of the state directory."),
    "internal error in the evidence writer": LogLine(
        DISK, ERROR, "Evidence was not written because of a defect of the agent. Alarms are not affected.",
        "Report the line and its traceback to the authors."),
    "no memory for the windows of a sensor: its events have no evidence; lower its sample rate or evidence.windows, "
    "or raise agent.max_sensors": LogLine(
        DISK, WARNING, "The memory for evidence is full. Alarms are not affected.",
        "Lower the sample rate or `evidence.windows`, or raise `agent.max_sensors`."),
    "history not written": LogLine(
        DISK, WARNING, "`drsn-web` cannot write its history. What waits is written when the disk works again.",
        "Free space on the disk, or correct the permissions of the folder."),
    "history in memory only": LogLine(
        DISK, WARNING, "`drsn-web` cannot open its history. Until its next start it keeps it in memory.",
        "Give it a folder that it can write: `web.state_dir`, or `--state-dir`."),
    "damaged history set aside; a new one begins": LogLine(
        DISK, WARNING, "The history of `drsn-web` was damaged. `files` are its new names.",
        "Check the disk. Delete the files if you do not need them."),
    "the page's feed failed; it goes on": LogLine(
        DISK, ERROR, "A defect of `drsn-web`: a message of an agent was not shown.",
        "Report the line and its traceback to the authors."),

    "connected": LogLine(
        BROKER, INFO, "A connection to the broker is open. `connection` is control, ingest or probe.", NOTHING),
    "connection lost": LogLine(
        BROKER, WARNING, "The connection ended. The agent connects again. QoS 1 packets wait at the broker.",
        "Check the network and the broker, if it repeats."),
    "no connection, trying again": LogLine(
        BROKER, WARNING, "The broker cannot be reached, or does not accept the agent. `error` gives the reason.",
        "Run `drsn-agent doctor`: it checks address, port, TLS and login, and names the remedy."),
    "the broker does not accept MQTT 5: the agent uses MQTT 3.1.1, which cannot report a refused publish": LogLine(
        BROKER, WARNING, "The agent works. If the broker's ACL forbids a topic, the agent cannot detect it.",
        'Run `drsn-agent doctor` once. Set `mqtt.protocol = "3.1.1"`, which also makes connecting faster.'),
    "broker denies the subscription": LogLine(
        BROKER, ERROR, "The broker's ACL does not allow the agent to read `filters`.",
        "Allow it in the broker's ACL (configs/broker/acl)."),
    "broker refuses an event; it stays in the journal": LogLine(
        BROKER, ERROR, "The broker does not accept an event. The agent sends it again later.",
        "Allow the agent to write `<prefix>/+/event` in the broker's ACL, or raise the broker's quota."),
    "broker refuses an alarm or the status": LogLine(
        BROKER, ERROR, "The broker does not accept a retained document. What the broker shows may be old.",
        "Allow the agent to write `<prefix>/#` in the broker's ACL, or raise the broker's quota."),
    "broker refuses the discovery for Home Assistant": LogLine(
        BROKER, WARNING, "The broker does not accept a discovery document. Alarms are not affected.",
        "Allow the agent to write `homeassistant/device/+/config` in the broker's ACL."),
    "certificate expires": LogLine(
        BROKER, WARNING, "A certificate has expired, or expires within 30 days. `reason` names it and the date.",
        "Renew the certificate. The agent reads renewed files at the next connection."),
    "certificates are not checked for expiry: install drsn-edge[certificates]": LogLine(
        BROKER, WARNING, "The agent works, but will not warn before a certificate expires.",
        "`pip install 'drsn-edge[certificates]'`."),
    "the broker sent no retained alarms": LogLine(
        BROKER, INFO, "This is the first start, or the account may not read alarms, or the broker sends no retained "
        "messages to subscriptions with wildcards.",
        "Nothing at a first start. After a lost state directory: run `drsn-agent doctor`."),
    "alarms of an earlier state directory were restored from retained messages": LogLine(
        BROKER, WARNING, "The state directory is new or was lost. The agent restored the alarms that the broker had.",
        "Check these alarms: they have no history. Remove sensors that no longer exist: `drsn-agent forget`."),
    "retained alarms were not restored": LogLine(
        BROKER, WARNING, "The broker has alarms with this agent's id that cannot be used. `first` gives the reason.",
        "`drsn-agent forget` removes them."),
    "message could not be received": LogLine(
        BROKER, ERROR, "An unexpected error while a message was received. The broker sends the message again.",
        "Report the line and its traceback to the authors."),
    "unexpected error in the connection": LogLine(
        BROKER, ERROR, "A defect of the agent. It connects again.",
        "Report the line and its traceback to the authors."),
    "network thread ended unexpectedly": LogLine(
        BROKER, ERROR, "A defect of the agent or of its MQTT library. The agent connects again.",
        "Report the lines before it to the authors."),

    "t0 is in the future or too old: alarms use the agent's clock": LogLine(
        CLOCK, WARNING, "The time stamps of a sensor are wrong. Its alarms have the time of this machine.",
        "Set the sensor's clock, or send packets without `t0`."),
    "more sensors have a wrong t0: the health document has their number": LogLine(
        CLOCK, WARNING, "Many sensors have wrong time stamps. Their lines were left out.",
        "Check the time server of the sensors."),

    "degraded": LogLine(
        MODEL, ERROR, "The agent works, but not as it was configured. `reason` says why and names the remedy.",
        "Do what `reason` says; see the table of status texts below."),
    "CUDA graph not available: the network runs layer by layer": LogLine(
        MODEL, WARNING, "The GPU needs more time for a window. Results are the same.",
        "None is needed. `inference.cuda_graphs = false` stops this line."),
    "alarms exist for conditions that the bundle does not have": LogLine(
        MODEL, WARNING, "The bundle was replaced. Active alarms of the old one can no longer be cleared by windows.",
        "`drsn-agent reset` ends each of them."),
    "sensors were commissioned with another bundle: commission them again": LogLine(
        MODEL, WARNING, "The bundle was replaced. What was learnt about the machines with the old one is not used.",
        "`drsn-agent commission` each of these sensors, while the machine is healthy."),
    "health baseline cannot be used: commission the machine again": LogLine(
        MODEL, WARNING, "The stored baseline of a sensor does not fit. `reason` says why.",
        "`drsn-agent commission` the sensor again, while the machine is healthy."),
    "metrics served": LogLine(START, INFO, "`/metrics` for Prometheus is ready at `address` and `port`.", NOTHING),
    "metrics not served": LogLine(
        START, ERROR, "`/metrics` cannot be served. The diagnosis works without it.",
        "Choose a free `metrics.port`, or an address of this machine for `metrics.address`."),

    "condition changed": LogLine(
        MODEL, INFO, "An alarm was raised, cleared, acknowledged or reset. The event has the same content.",
        "See [alarms](alarms.md)."),

    "command handled": LogLine(
        COMMANDS, INFO, "A command was carried out, or refused: then `refused` gives the reason.", NOTHING),
    "command ended": LogLine(
        COMMANDS, INFO, "A command that takes time, such as `commission`, ended. `failed` is the reason, if it failed.",
        NOTHING),
    "command refused": LogLine(
        COMMANDS, WARNING, "A message on a command topic is not a valid command. `reason` says why.",
        "Use `drsn-agent ack`, `reset` and so on, or correct the client (docs/reference/schemas/command.json)."),
    "command dropped: the queue is full": LogLine(
        COMMANDS, ERROR, "Commands arrive faster than they are handled. This one has no reply.",
        "Find the client that sends so many. Send the command again."),
    "command failed: unexpected error": LogLine(
        COMMANDS, ERROR, "A defect of the agent. The command changed nothing.",
        "Report the line and its traceback to the authors."),
    "a stored reply is damaged": LogLine(
        COMMANDS, ERROR, "A row of the database is damaged. The command was carried out before.",
        "Check the alarm, then send the command with a new `request_id` if it is still needed."),
    "events of the journal are damaged": LogLine(
        COMMANDS, ERROR, "Rows of the journal are damaged. The reply names their `seq` and has the other events.",
        "Check the disk."),
    "no command waits for this progress": LogLine(
        COMMANDS, ERROR, "A defect of the agent: a command's progress has no receiver.",
        "Report the line to the authors."),

    "edge node is born": LogLine(
        SPARKPLUG, INFO, "`drsn-sparkplug` has published its births. `rebirth`: the host requested them.", NOTHING),
    "edge node stopped": LogLine(SPARKPLUG, INFO, "`drsn-sparkplug` has published NDEATH and ended.", NOTHING),
    "primary host is offline: events wait for it": LogLine(
        SPARKPLUG, WARNING, "`drsn-sparkplug` has published NDEATH. It publishes births when the host is online.",
        "Start the host. If it runs, compare its id with `primary_host`."),
    "command of the host refused": LogLine(
        SPARKPLUG, WARNING, "A command of the host was not carried out. `reason` explains it.",
        "Compare the command with docs/use/sparkplug.md."),
    "events for the host are lost: too many waited": LogLine(
        SPARKPLUG, WARNING, "The host was away for too long. The oldest events are not sent to it.",
        "Read the events from the agent: `drsn-agent events`."),
    "events of an agent were missed and are lost": LogLine(
        SPARKPLUG, WARNING, "The connection to the agents' broker was lost, and the agent does not have these events.",
        "Nothing: the present state of the machine is right."),
    "document of an agent is not valid": LogLine(
        SPARKPLUG, WARNING, "A document under the agents' prefix has another form. Its machine counts as not alive.",
        "Find the client that publishes there. Use the same version of agent and `drsn-sparkplug`."),
    "bdSeq is not stored: a restart repeats numbers": LogLine(
        SPARKPLUG, WARNING, "The state directory of `drsn-sparkplug` cannot be written.",
        "Free space, or check the permissions of the directory."),
    "the file of bdSeq is not readable: it begins with 0": LogLine(
        SPARKPLUG, WARNING, "The file was damaged, for example by a power cut.", NOTHING),
})  # fmt: skip
"""Text of the line, as `event=` shows it -> its meaning."""
