"""`drsn-agent init`: listen, propose, write, check, and run to the first result."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.acquisition.codecs.packet import MAX_SAMPLE_RATE_HZ
from drsn.agent.mqtt.sensor_id import sensor_id
from drsn.agent.mqtt.topics import Topics
from drsn.agent.observability import logs
from drsn.agent.service.bootstrap import opened_model
from drsn.agent.settings.broker_options import ENVIRONMENT, broker_of, prefix_of
from drsn.agent.settings.input_section import InputSection
from drsn.agent.settings.loader import load
from drsn.agent.tools.init import report
from drsn.agent.tools.init.configuration_text import configuration_text
from drsn.agent.tools.init.first_result import FirstResult, first_result
from drsn.agent.tools.init.listening import BUSY_PER_S, Traffic, listen
from drsn.agent.tools.init.questions import Questions
from drsn.agent.tools.init.survey import survey_of
from drsn.agent.tools.simulation.progress import ProgressLine
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, BadDataError, StorageError, UsageError, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.tools.init.survey import InputSurvey

DEFAULT_BROKER: Final = "mqtt://localhost:1883"
DEFAULT_TOPIC: Final = "#"
STEPS_PER_S: Final = 4
LIMITS_S: Final = (1.0, 3600.0)


def init(arguments: argparse.Namespace) -> int:
    """Propose a configuration for the sensors that publish now; 1: it is written, but no result came.

    Raises:
        UsageError: the file exists, or an argument is wrong.
        UnavailableError: the broker does not let us in.
        BadDataError: nothing that came can be read.
    """
    questions = Questions(ask=sys.stdin.isatty() and not arguments.yes and not arguments.json)
    fixed = _checked(arguments)
    logs.configure("error")
    broker, topic = _asked(arguments, questions)
    traffic = _listened(arguments, broker, topic)
    own = Topics(prefix_of(arguments), "+").filters
    survey = survey_of(traffic.messages, traffic.arrivals, own, fixed, questions)
    out = sys.stderr if arguments.json else sys.stdout
    _print([*report.traffic_lines(traffic), *report.survey_lines(survey)], out)
    if not survey.inputs:
        if arguments.json:
            print(json.dumps({"config": None, **report.survey_json(survey, traffic)}))
        raise BadDataError(_nothing(traffic, topic))
    if not questions.yes(f"Write {arguments.out}?"):
        return EXIT_NEGATIVE
    _write(arguments, survey)
    checked = _check(arguments.out)
    _print([f"wrote {arguments.out}", checked], out)
    found = None if arguments.no_run else _run(arguments, survey)
    next_command = f"drsn-agent run --config {arguments.out}"
    _print([*([] if found is None else report.result_lines(found)), f"next: {next_command}"], out)
    if arguments.json:
        result = {} if found is None else {"result": found.result, "not_watched": found.not_watched}
        config = {"config": str(arguments.out), "check": checked, "next": next_command}
        print(json.dumps({**config, **report.survey_json(survey, traffic), **result}))
    return EXIT_OK if found is None or found.result is not None else EXIT_NEGATIVE


def _print(lines: Iterable[str], out: Any) -> None:  # noqa: ANN401 (a stream of text)
    for line in lines:
        print(printable(line), file=out, flush=True)


def _checked(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings of inputs that a person has stated."""
    if arguments.out.exists() and not arguments.force:
        raise UsageError(f"{arguments.out} exists; name another file with --out, or write over it with --force")
    if not arguments.out.parent.is_dir():
        raise UsageError(f"{arguments.out.parent} is no directory; make it, or name another file with --out")
    low, high = LIMITS_S
    for name in ("seconds", "result_seconds"):
        if not low <= getattr(arguments, name) <= high:
            raise UsageError(f"--{name.replace('_', '-')} {getattr(arguments, name):g}: {low:g} to {high:g}")
    fixed: dict[str, Any] = {}
    for text in arguments.input:
        key, equals, value = text.partition("=")
        if not equals or key in ("topic", "sensor"):
            raise UsageError(f"--input {text!r}: write KEY=VALUE, a setting of [[inputs]] besides topic and sensor")
        fixed[key] = _stated(key, value)
    if arguments.rate is not None:
        if not 0 < arguments.rate <= MAX_SAMPLE_RATE_HZ:
            raise UsageError(f"--rate {arguments.rate:g}: above 0, up to {MAX_SAMPLE_RATE_HZ:g}")
        fixed["sample_rate_hz"] = arguments.rate
    unknown = [key for key in fixed if key not in InputSection.model_fields]
    if unknown:
        raise UsageError(f"--input {unknown[0]!r}: there is no such setting of [[inputs]] (docs/reference/settings.md)")
    prefix_of(arguments)
    return fixed


def _stated(key: str, text: str) -> object:
    """A number, a list or a boolean as JSON writes it, else the text; `channels=x,y,z` is a list too."""
    if key == "channels" and text[:1] not in ("[", "{"):
        return text.split(",")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _asked(arguments: argparse.Namespace, questions: Questions) -> tuple[BrokerAddress, str]:
    """The broker and the topic; what no argument names is asked."""
    if arguments.url is None:
        arguments.url = os.environ.get(ENVIRONMENT)
    if arguments.url is None:
        if not questions.ask:
            raise UsageError(f"which broker? name it: --broker URL, or {ENVIRONMENT} in the environment")
        arguments.url = questions.text("Broker", DEFAULT_BROKER)
        if arguments.username is None and (name := questions.text("User name (empty: none)")):
            arguments.username = name
            arguments.password_file = Path(questions.text("File with the password"))
    if arguments.topic is None:
        arguments.topic = questions.text("Topic of the sensors; Enter: all topics", DEFAULT_TOPIC)
    return broker_of(arguments), arguments.topic


def _listened(arguments: argparse.Namespace, broker: BrokerAddress, topic: str) -> Traffic:
    sys.stderr.write(f"receiving {printable(topic)} at {broker.host}:{broker.port} for {arguments.seconds:g} s\n")
    progress = ProgressLine(round(arguments.seconds * STEPS_PER_S))
    warned = False

    def step(traffic: Traffic) -> None:
        nonlocal warned
        progress.step(1)
        if not warned and traffic.seconds > 1 and traffic.per_second > BUSY_PER_S:
            warned = True
            sys.stderr.write(
                f"\nwarning: {traffic.per_second:.0f} messages a second; a narrower --topic spares the broker\n"
            )

    traffic = listen(broker, topic, prefix_of(arguments), arguments.seconds, step)
    progress.end()
    return traffic


def _nothing(traffic: Traffic, topic: str) -> str:
    if traffic.denied:
        return f"the broker denies the subscription {topic}; name a topic that this account may read with --topic"
    if not traffic.arrivals:
        retained = "only retained messages came, which are old; " if traffic.retained else ""
        return (
            f"{retained}no sensor published on {topic} within {traffic.seconds:.0f} s; look whether it sends, whether "
            "this account may read it (the broker's ACL), or listen longer with --seconds"
        )
    return "nothing that came can be read with certainty; do what stands above, or describe it with --input KEY=VALUE"


def _write(arguments: argparse.Namespace, survey: InputSurvey) -> None:
    mqtt = {
        "url": arguments.url, "protocol": arguments.protocol, "username": arguments.username,
        "insecure": arguments.insecure,
        **{name: None if (path := getattr(arguments, name)) is None else path.resolve()
           for name in ("password_file", "ca_file", "cert_file", "key_file")},
    }  # fmt: skip
    agent = arguments.id or sensor_id(socket.gethostname().split(".")[0])
    state = arguments.state_dir or _state_home() / "drsn" / agent
    text = configuration_text(survey, mqtt, agent, prefix_of(arguments), state.resolve())
    try:
        arguments.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{arguments.out}: {error.strerror}") from None


def _state_home() -> Path:
    """Where programs of this user keep their state."""
    if os.geteuid() == 0:
        return Path("/var/lib")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")


def _check(path: Path) -> str:
    """What `drsn-agent check` shows."""
    configuration = load(path)
    with opened_model(configuration) as (bundle, chosen):
        name = f"{bundle.manifest.name} {bundle.manifest.version} ({bundle.sha256[:12]})"
        return f"{path}: fit to run; bundle {name} on {chosen.backend.name}"


def _run(arguments: argparse.Namespace, survey: InputSurvey) -> FirstResult:
    sys.stderr.write(f"running the agent for its first result, {arguments.result_seconds:g} s at most\n")
    progress = ProgressLine(round(arguments.result_seconds * STEPS_PER_S))
    topics = [topic for each in survey.inputs for topic in each.topics]
    found = first_result(arguments.out, topics, arguments.result_seconds, lambda _seconds: progress.step(1))
    progress.end()
    return found
