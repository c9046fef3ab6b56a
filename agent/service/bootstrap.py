"""The composition root: the only place that names concrete adapters. Makes every check before anything starts."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from drsn.agent.acquisition.ack_tracker import AckTracker
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.clock_sync import ClockSync
from drsn.agent.acquisition.inbox import Inbox
from drsn.agent.acquisition.intake import Intake
from drsn.agent.backends.selection import BackendOptions, Chosen, choose
from drsn.agent.decision.alarm_engine import AlarmEngine, Identity
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.delivery.outbox import Outbox
from drsn.agent.delivery.publisher import Publisher
from drsn.agent.mqtt.certificate_expiry import CertificateExpiry
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.message import Will
from drsn.agent.mqtt.topics import TopicPattern, Topics
from drsn.agent.observability.metrics import Metrics
from drsn.agent.rpc import commission_verb as commissioning
from drsn.agent.rpc import evidence_verb
from drsn.agent.rpc import forget_verb as forgetting
from drsn.agent.rpc.dispatcher import CommandDispatcher
from drsn.agent.rpc.queue import RECEIVE_MAXIMUM
from drsn.agent.rpc.request import MAX_BYTES
from drsn.agent.schema.documents import BundleReference, StatusDocument
from drsn.agent.service.agent_id_lease import MAX_SAID_BYTES, Admission
from drsn.agent.service.evidence_wiring import keeper_of
from drsn.agent.service.loop import Loop
from drsn.agent.service.name import Name
from drsn.agent.service.parts import Parts
from drsn.agent.service.reload_verb import Reloading
from drsn.agent.service.run_id import Instance
from drsn.agent.settings.inputs import check_inputs, inputs_of
from drsn.agent.settings.policies import ignored_faults, policy_of
from drsn.agent.storage.group_commit import GroupCommit
from drsn.agent.storage.journal import Journal
from drsn.agent.storage.poison_guard import PoisonGuard
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drsn.agent.evidence.recorder import Recorder
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.service.reload import Reload
    from drsn.agent.settings.loader import Configuration
    from drsn.agent.settings.sections import Settings
    from drsn.agent.storage.database import Snapshot
    from drsn.model.bundle import Bundle
    from drsn.model.contract import ModelContract

INBOX_BATCHES = 8
"""The inbox holds this many batches of messages; two seconds of a hundred sensors at the default batch."""


def package_version() -> str:
    """Of the installed distribution."""
    return version("drsn-edge")


@contextmanager
def opened_model(configuration: Configuration) -> Iterator[tuple[Bundle, Chosen]]:
    """The bundle and its network, checked against each other by the golden windows.

    Raises:
        BundleError: the bundle is broken, or its network does not say what it said when it was made.
        ConfigurationError: an input can't serve the bundle, or no engine fits this machine.
        UnavailableError: the backend asked for can't run here.
    """
    settings = configuration.settings
    bundle = open_bundle(configuration.bundle_path)
    check_inputs(settings, bundle.contract)
    chosen = choose(bundle, wish_of(settings))
    try:
        yield bundle, chosen
    finally:
        chosen.backend.close()


def wish_of(settings: Settings) -> BackendOptions:
    """What the settings say of the network's run."""
    return BackendOptions(
        choice=settings.agent.backend,
        max_batch=settings.inference.max_batch,
        threads=settings.inference.threads,
        engine_dir=settings.agent.engine_dir,
        cuda_graphs=settings.inference.cuda_graphs,
    )


@contextmanager
def assembled(
    configuration: Configuration, connect: Callable[..., Transport] = Connection, reload: Reload | None = None
) -> Iterator[Loop]:
    """A runner, ready to run; what it holds is closed at the end. `connect` makes its connections."""
    with ExitStack() as stack:
        bundle, chosen = stack.enter_context(opened_model(configuration))
        store = Journal(configuration.settings.agent.state_dir)
        stack.callback(store.close)
        parts = parts_of(configuration, bundle, chosen, store, connect)
        if reload is not None:
            settings = configuration.settings
            Reloading(parts.desk, parts.control, Topics(settings.agent.prefix, settings.agent.id), reload)
        stack.callback(parts.evidence.close)
        yield Loop(parts)


def parts_of(
    configuration: Configuration, bundle: Bundle, chosen: Chosen, store: Journal, connect: Callable[..., Transport]
) -> Parts:
    """All that a runner works with, put together."""
    settings, contract = configuration.settings, bundle.contract
    remembered, metrics = store.load(), Metrics()
    identity = Identity(settings.agent.id, remembered.epoch, reference_to(bundle))
    topics = Topics(settings.agent.prefix, settings.agent.id)
    inbox = Inbox(INBOX_BATCHES * max(32, settings.inference.max_batch))
    pipeline, desk = _core(settings, bundle, chosen, store, remembered, identity)
    connection = partial(connect, configuration.broker, on_change=inbox.wake)
    instance = Instance.drawn(settings.agent.state_dir, time.time_ns())
    control = connection(on_message=desk.put, **_control(configuration, topics, identity, chosen, instance))
    ingest = connection(on_message=inbox.put, **_ingest(settings, store))
    evidence = keeper_of(settings, contract, _sent(control, topics) if settings.evidence.publish else None)
    intake = _intake(settings, contract, remembered, metrics)
    desk.add("forget", forgetting.verb(pipeline, intake, evidence))
    return Parts(
        inbox=inbox,
        intake=intake,
        receipts=AckTracker(),
        batch=_batch(settings, contract, evidence),
        backend=chosen.backend,
        interpret=Interpreter(contract),
        pipeline=pipeline,
        store=store,
        in_hand=PoisonGuard(settings.agent.state_dir, store.disk.run),
        ingest=ingest,
        **_name(settings, identity, instance, topics, inbox, connection, (control, ingest)),
        control=control,
        outbox=Outbox(store, control, topics),
        publisher=Publisher(control, topics, pipeline, _short(bundle), settings.agent.results_per_s),
        desk=desk,
        evidence=evidence,
        metrics=metrics,
        identity=identity,
        **_about(configuration, chosen, instance),
    )


def _name(
    settings: Settings,
    identity: Identity,
    instance: Instance,
    topics: Topics,
    inbox: Inbox,
    connection: Callable[..., Transport],
    bearers: tuple[Transport, ...],
) -> dict[str, Any]:
    """The agent's name, and the connection that hears of another one of it; that wakes the loop."""
    admission = Admission(identity.agent, identity.epoch, instance, settings.agent.health_every_s, inbox.wake)
    probe = connection(on_message=admission.put, **_probe(topics, instance))
    remember = partial(instance.remember, settings.agent.state_dir)
    return {"name": Name(identity.agent, admission, probe, bearers, remember), "probe": probe}


def _about(configuration: Configuration, chosen: Chosen, instance: Instance) -> dict[str, Any]:
    """What the settings alone decide, and what the loop says of itself."""
    return {
        "instance": instance,
        "expiry": CertificateExpiry(configuration.broker),
        "group": GroupCommit(_in_flight(configuration.settings) // 2),
        "version": package_version(),
        "config_sha256": configuration.sha256,
        "health_every_s": configuration.settings.agent.health_every_s,
        "engine": chosen.engine,
        "reasons": (*configuration.degraded, *chosen.reasons),
    }


def _short(bundle: Bundle) -> str:
    """The bundle's name, for results."""
    return f"{bundle.manifest.name}@{bundle.sha256[:12]}"


def _intake(settings: Settings, contract: ModelContract, remembered: Snapshot, metrics: Metrics) -> Intake:
    """Of sensors that go on where an earlier run has read to; those that it had diagnosed keep their places."""
    return Intake(
        contract,
        inputs_of(settings, contract),
        settings.agent.max_sensors,
        remembered.cursors,
        metrics,
        known=[name for name, sensor in remembered.sensors.items() if sensor.conditions],
        max_age_s=settings.agent.max_age_s,
        clock_right=ClockSync().synchronised,
    )


def _sent(control: Transport, topics: Topics) -> Callable[[str, str, bytes], None]:
    """Publishes the evidence of an event, from the writer's thread; without a connection it waits to be asked for."""

    def send(sensor: str, event_id: str, payload: bytes) -> None:
        control.publish(topics.evidence(sensor, event_id), payload, qos=1)

    return send


def _core(
    settings: Settings, bundle: Bundle, chosen: Chosen, store: Journal, remembered: Snapshot, identity: Identity
) -> tuple[AlarmEngine, CommandDispatcher]:
    """What decides, and where it is commanded."""
    commissioner = commissioning.commissioner_of(
        settings.commission, bundle, chosen.backend, settings.inference.max_batch, remembered.sensors
    )
    policies = policy_of(settings, bundle.contract)
    pipeline = AlarmEngine(bundle.contract, identity, policies, remembered.sensors, commissioner)
    topics = Topics(settings.agent.prefix, settings.agent.id)
    verbs = {
        "commission": commissioning.verb(pipeline, commissioner.seconds),
        "evidence": evidence_verb.verb(settings.agent.state_dir, topics),
    }
    return pipeline, CommandDispatcher(pipeline, store, topics, verbs, commissioner.words)


def _batch(settings: Settings, contract: ModelContract, evidence: Recorder) -> Batcher:
    """Of windows that evidence sees as they were sampled."""
    inference = settings.inference
    return Batcher(contract, inference.max_batch, inference.deadline_s, ignored_faults(settings), evidence.stage)


def reference_to(bundle: Bundle) -> BundleReference:
    """How documents name the bundle."""
    return BundleReference(name=bundle.manifest.name, version=bundle.manifest.version, sha256=bundle.sha256)


def _ingest(settings: Settings, store: Journal) -> dict[str, Any]:
    """Options of the connection that takes packets in; its session outlives it."""
    filters = tuple(TopicPattern(entry.topic, entry.sensor).filter for entry in settings.inputs)
    return {
        "name": "ingest",
        "client_id": f"drsn-{settings.agent.id}-ingest",
        "filters": filters,
        "abandoned": store.abandoned(filters),
        "max_payload_bytes": max(entry.max_packet_bytes for entry in settings.inputs),
        "receive_maximum": _in_flight(settings),
    }


def _in_flight(settings: Settings) -> int:
    """Four batches: one in the network, one that waits for its commit; less can starve a batch of its company."""
    return 4 * max(32, settings.inference.max_batch)


def _probe(topics: Topics, instance: Instance) -> dict[str, Any]:
    """Options of the connection that hears whether another agent has our name."""
    return {
        "name": "probe",
        "client_id": f"drsn-{topics.agent}-probe-{instance.id}",
        "filters": (topics.status, topics.health),
        "max_payload_bytes": MAX_SAID_BYTES,
        "max_packet_bytes": 2 * MAX_SAID_BYTES,
    }


def _control(
    configuration: Configuration, topics: Topics, identity: Identity, chosen: Chosen, instance: Instance
) -> dict[str, Any]:
    """Options of the connection that everything goes out by; the broker says `offline` when it dies."""
    will = StatusDocument(
        agent=identity.agent,
        state="offline",
        ingest="stopped",
        backend=chosen.backend.name,
        engine=chosen.engine,
        version=package_version(),
        config_sha256=configuration.sha256,
        bundle=identity.bundle,
        epoch=identity.epoch,
        instance=instance.id,
        since="",
    )
    return {
        "name": "control",
        "filters": (topics.commands,),
        "max_payload_bytes": MAX_BYTES,
        "receive_maximum": RECEIVE_MAXIMUM,
        "persistent": False,  # a command is for now
        "client_id": f"drsn-{identity.agent}-control",
        "will": Will(topics.status, will.model_dump_json().encode()),
    }
