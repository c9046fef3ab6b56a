"""The composition root: the only place that names concrete adapters. Makes every check before anything starts."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from drsn.agent.acquisition.ack_tracker import AckTracker
from drsn.agent.acquisition.batcher import Batcher
from drsn.agent.acquisition.inbox import Inbox
from drsn.agent.backends.locked import LockedBackend
from drsn.agent.backends.selection import BackendOptions, Chosen, choose
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import Interpreter
from drsn.agent.decision.severity import severities_of
from drsn.agent.delivery.delivery import Delivery
from drsn.agent.delivery.outbox import Outbox
from drsn.agent.delivery.publisher import Publisher
from drsn.agent.monitoring.findings import OBSERVED
from drsn.agent.mqtt.certificate_expiry import CertificateExpiry
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.topics import Topics
from drsn.agent.observability.metrics import Metrics
from drsn.agent.rpc.context import CommandContext
from drsn.agent.rpc.dispatcher import CommandDispatcher
from drsn.agent.schema.documents import BundleReference
from drsn.agent.schema.render import Identity, Renderer
from drsn.agent.service import systemd
from drsn.agent.service.agent_id_lease import AgentIdLease
from drsn.agent.service.alarm_topics import AlarmTopics
from drsn.agent.service.alarm_watch import alarm_watch_of
from drsn.agent.service.chores import CertificateCheck, HealthPublisher, OverduePackets, ShedWarning, Timers, Watchdog
from drsn.agent.service.clock import Clock
from drsn.agent.service.commands import Commands
from drsn.agent.service.commission_wiring import commissioning_of
from drsn.agent.service.committer import Committer
from drsn.agent.service.connections import (
    Connections,
    MqttVersion,
    control_options,
    in_flight,
    ingest_options,
    probe_options,
)
from drsn.agent.service.evidence_wiring import recorder_of, sender_of, snapshots_of
from drsn.agent.service.forgetting import forget_in
from drsn.agent.service.health import AgentInfo, HealthReport, StatusReport, Warner
from drsn.agent.service.home_assistant_wiring import births_of, control_receiver, home_assistant_of
from drsn.agent.service.intake_wiring import intake_of
from drsn.agent.service.lease_acquisition import LeaseAcquisition
from drsn.agent.service.lease_defence import LeaseDefence
from drsn.agent.service.loop import Loop
from drsn.agent.service.metrics_wiring import check_metrics, exporter_of
from drsn.agent.service.monitoring_wiring import monitors_of
from drsn.agent.service.overlap import Overlap
from drsn.agent.service.peer_status import StatusInbox
from drsn.agent.service.pipeline import Pipeline
from drsn.agent.service.receiver import Receiver
from drsn.agent.service.reload_verb import ReloadVerb
from drsn.agent.service.run_id import RunId
from drsn.agent.service.shutdown import Shutdown
from drsn.agent.service.slow_writes import slow_writes_of
from drsn.agent.service.waits import Waits
from drsn.agent.service.watch_wiring import view_of
from drsn.agent.service.watched_sources import WatchedSources
from drsn.agent.settings.inputs import check_inputs
from drsn.agent.settings.policies import ignored_faults, policy_of
from drsn.agent.storage.group_commit import GroupCommit
from drsn.agent.storage.journal import Journal
from drsn.agent.storage.poison_guard import PoisonGuard
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drsn.agent.acquisition.intake import Intake
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.agent.delivery.home_assistant import BirthMessages
    from drsn.agent.evidence.recorder import Recorder
    from drsn.agent.monitoring.baseline_monitor import BaselineMonitor
    from drsn.agent.monitoring.monitors import Monitors
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.service.alarm_watch import AlarmWatch
    from drsn.agent.service.metrics_exporter import MetricsExporter
    from drsn.agent.service.reload import Reload
    from drsn.agent.service.slow_writes import SlowWrites
    from drsn.agent.settings.loader import Configuration
    from drsn.agent.settings.sections import Settings
    from drsn.agent.storage.database import Snapshot
    from drsn.model.bundle import Bundle

INBOX_BATCHES = 8
"""The inbox holds this many batches of messages; two seconds of a hundred sensors at the default batch."""


def package_version() -> str:
    """Version of the installed distribution."""
    return version("drsn-edge")


@contextmanager
def opened_model(configuration: Configuration) -> Iterator[tuple[Bundle, Chosen]]:
    """The bundle and the backend that runs its network, checked against each other by the golden windows.

    Raises:
        BundleError: the bundle is broken, or its network gives other outputs than when it was made.
        ConfigurationError: an input can't serve the bundle, or no engine fits this machine.
        UnavailableError: the backend that the settings ask for can't run here.
    """
    settings = configuration.settings
    bundle = open_bundle(configuration.bundle_path)
    check_inputs(settings, bundle.contract)
    check_metrics(settings)
    chosen = choose(bundle, backend_options(settings))
    # The network's thread may still be in a call when the process ends by an error: `close` waits for it.
    chosen = replace(chosen, backend=LockedBackend(chosen.backend))
    bundle = replace(bundle, files={})  # the backend has its own copy: 2 MB less
    try:
        yield bundle, chosen
    finally:
        chosen.backend.close()


def backend_options(settings: Settings) -> BackendOptions:
    """What the settings ask of the backend."""
    return BackendOptions(
        choice=settings.agent.backend,
        max_batch=settings.inference.max_batch,
        threads=settings.inference.threads,
        engine_dir=settings.agent.engine_dir,
        cuda_graphs=settings.inference.cuda_graphs,
    )


@dataclass(frozen=True)
class Agent:
    """The parts of an agent that its users need by name."""

    pipeline: Pipeline
    committer: Committer
    inbox: Inbox
    tracker: AckTracker
    journal: Journal
    recorder: Recorder
    slow_writes: SlowWrites
    connections: Connections
    dispatcher: CommandDispatcher
    publisher: Publisher
    health: HealthReport
    status: StatusReport
    poison_guard: PoisonGuard
    lease: AgentIdLease
    delivery: Delivery
    exporter: MetricsExporter | None
    """None: no metrics are served."""


@contextmanager
def assembled(
    configuration: Configuration, connect: Callable[..., Transport] = Connection, reload: Reload | None = None
) -> Iterator[Loop]:
    """The loop of an agent, ready to run; all that it holds is closed at the end. `connect` makes its connections."""
    with ExitStack() as stack:
        bundle, chosen = stack.enter_context(opened_model(configuration))
        journal = Journal(configuration.settings.agent.state_dir)
        stack.callback(journal.close)
        agent, loop = assemble(configuration, bundle, chosen, journal, connect)
        if agent.exporter is not None:
            stack.callback(agent.exporter.stop)
            agent.exporter.start(configuration.settings.metrics.address, configuration.settings.metrics.port)
        if reload is not None:
            ReloadVerb(agent.dispatcher.context, reload, agent.connections.control)
            reload.on_result = agent.inbox.wake
        stack.callback(agent.recorder.close)
        stack.callback(agent.slow_writes.flush)
        yield loop


def assemble(
    configuration: Configuration,
    bundle: Bundle,
    chosen: Chosen,
    journal: Journal,
    connect: Callable[..., Transport],
    *,
    waits: Waits | None = None,
    clock: Clock | None = None,
) -> tuple[Agent, Loop]:
    """Put an agent together; nothing is started.

    Args:
        configuration: the settings.
        bundle: the model.
        chosen: the backend that runs its network; two threads may call it (`LockedBackend`) if `waits.overlap`.
        journal: what an earlier run left; it is closed by the caller.
        connect: makes a connection.
        waits: limits and waits; None: those of the service.
        clock: None: the clocks of the process.
    """
    return _Assembly(configuration, bundle, chosen, journal, waits or Waits(), clock or Clock()).assemble(connect)


class _Assembly:
    """The steps of `assemble`, and what they share."""

    def __init__(
        self, configuration: Configuration, bundle: Bundle, chosen: Chosen, journal: Journal, waits: Waits, clock: Clock
    ) -> None:
        self.configuration, self.bundle, self.chosen, self.journal = configuration, bundle, chosen, journal
        self.waits, self.clock, self.metrics = waits, clock, Metrics()
        self.remembered: Snapshot = journal.load()
        self.inbox = Inbox(INBOX_BATCHES * max(32, self.settings.inference.max_batch))
        self.topics = Topics(self.settings.agent.prefix, self.settings.agent.id)
        self.info = self._info()
        self.renderer = Renderer(self.info.identity, severities_of(bundle.contract))

    @property
    def settings(self) -> Settings:
        """The settings of the configuration."""
        return self.configuration.settings

    def assemble(self, connect: Callable[..., Transport]) -> tuple[Agent, Loop]:
        """From the connections to the loop."""
        settings, journal, info, clock = self.settings, self.journal, self.info, self.clock
        monitors, baselines, engine, dispatcher = self._decision()
        statuses = StatusInbox(self.inbox.wake)
        alarms = AlarmTopics(self.topics, statuses.put, self.waits.quiet_s)
        births = births_of(settings, self.inbox.wake)
        lines = self._connections(connect, dispatcher, alarms, births)
        lease = self._lease(statuses, lines)
        send = sender_of(lines.control, self.topics) if settings.evidence.publish else None
        recorder = recorder_of(settings, self.bundle.contract, self.renderer.event, send)
        watchdog = Watchdog(lease, systemd.watchdog_interval_s(), clock)
        intake = intake_of(settings, self.bundle.contract, self.remembered, engine, clock)
        slow_writes = slow_writes_of(settings, self.bundle.contract, journal, clock, baselines)
        dispatcher.context.trend_of = slow_writes.trends.document
        dispatcher.context.snapshot_of = snapshots_of(settings, self.bundle.contract, recorder, clock)
        dispatcher.context.forget_sensor = forget_in(intake, recorder, slow_writes.trends, monitors)
        publisher = self._publisher(lines.control, engine, intake)
        publisher.home_assistant = home_assistant_of(settings, births, lines.control, self.topics, info)
        pipeline = self._pipeline(intake, engine, baselines, monitors, recorder, watchdog, publisher, slow_writes)
        outbox, tracker = Outbox(journal, lines.control, self.topics, self.waits.outbox), AckTracker()
        group = GroupCommit(in_flight(settings) // 2, self.waits.group_s, self.waits.lull_s)
        committer = Committer(tracker, group, journal, engine, self.renderer, publisher, recorder, self.metrics, clock)
        watch = alarm_watch_of(alarms, committer, intake.watch, info.identity, settings.agent.max_sensors, lines.probe)
        lease.preparation, dispatcher.context.forget_left = watch.adoption, watch.adoption.forget
        expiry = CertificateExpiry(self.configuration.broker)
        warners: list[Warner] = [expiry, watch, MqttVersion(settings.mqtt.protocol, lines)]
        status = StatusReport(info, journal, lines.ingest, lines.control, outbox, publisher, recorder, warners,
                              intake.watch)  # fmt: skip
        health = HealthReport(info, self.inbox, intake, tracker, publisher, journal, dispatcher, recorder,
                              self.metrics, clock)  # fmt: skip
        exporter = exporter_of(self.configuration, health, status, engine, intake, lines, self.metrics, self.inbox.wake)
        warners += [] if exporter is None else [exporter]
        guard = PoisonGuard(settings.agent.state_dir, journal.disk.run)
        delivery = Delivery(lines.control, outbox, publisher, unpublished=journal.unpublished, status=status.document,
                            contradicted=lease.contradict)  # fmt: skip
        agent = Agent(pipeline, committer, self.inbox, tracker, journal, recorder, slow_writes, lines, dispatcher,
                      publisher, health, status, guard, lease, delivery, exporter)  # fmt: skip
        return agent, self._loop(agent, expiry, watchdog, watch)

    def _publisher(self, control: Transport, engine: AlarmEngine, intake: Intake) -> Publisher:
        results_per_s, alarms_in_flight = self.settings.agent.results_per_s, self.waits.alarms_in_flight
        return Publisher(control, self.topics, engine, self.renderer, _short(self.bundle), results_per_s,
                         alarms_in_flight, view_of(intake, self.clock))  # fmt: skip

    def _loop(self, agent: Agent, expiry: CertificateExpiry, watchdog: Watchdog, watch: AlarmWatch) -> Loop:
        """The loop over an agent's parts, with its chores in their order."""
        clock, lines, waits = self.clock, agent.connections, self.waits
        pipeline, committer, delivery, lease = agent.pipeline, agent.committer, agent.delivery, agent.lease
        receiver = Receiver(self.inbox, pipeline, committer, agent.poison_guard, delivery, clock)
        assert pipeline.intake is not None, "an agent reads packets"
        commands = Commands(agent.dispatcher, lines.control, committer, clock)
        chores = (
            lease,
            self.journal,
            agent.slow_writes,
            CertificateCheck(expiry, lines.control, clock),
            OverduePackets(agent.tracker, self.inbox, pipeline, committer, lines.ingest, self.metrics, waits.ack_age_s),
            Timers(pipeline, lines.ingest, committer, clock),
            watch,
            WatchedSources(pipeline.intake, pipeline.engine, agent.publisher, lines.ingest, clock),
        )
        reports = (
            *(() if agent.exporter is None else (agent.exporter,)),
            ShedWarning(self.inbox),
            HealthPublisher(agent.health, agent.publisher, self.settings.agent.health_every_s),
            watchdog,
        )
        shutdown = Shutdown(self.inbox, receiver, pipeline, committer, commands, delivery, lease, lines,
                            agent.poison_guard, self.metrics, waits, clock)  # fmt: skip
        on_ready = partial(self.info.log_ready, len(pipeline.engine.sensors))
        return Loop(receiver, pipeline, committer, commands, chores, reports, delivery, lease, shutdown, waits, clock,
                    on_ready)  # fmt: skip

    def _info(self) -> AgentInfo:
        settings, chosen = self.settings, self.chosen
        return AgentInfo(
            identity=Identity(settings.agent.id, self.remembered.epoch, reference_to(self.bundle)),
            run=RunId.drawn(settings.agent.state_dir, self.clock.unix_ns()),
            version=package_version(),
            config_sha256=self.configuration.sha256,
            backend=chosen.backend.name, engine=chosen.engine,
            shard=None if settings.agent.shard is None else str(settings.agent.shard),
            reasons=(*self.configuration.degraded, *chosen.reasons),
        )  # fmt: skip

    def _connections(
        self, connect: Callable[..., Transport], dispatcher: CommandDispatcher, alarms: AlarmTopics,
        births: BirthMessages | None,
    ) -> Connections:  # fmt: skip
        connection = partial(connect, self.configuration.broker, on_change=self.inbox.notify)
        return Connections(
            control=connection(
                control_options(self.topics, self.info.last_will(), () if births is None else (births.topic,)),
                on_message=control_receiver(births, dispatcher.put),
            ),
            ingest=connection(ingest_options(self.settings, self.journal), on_message=self.inbox.put),
            probe=connection(probe_options(self.topics, self.info.run), on_message=alarms.put),
        )

    def _lease(self, statuses: StatusInbox, lines: Connections) -> AgentIdLease:
        agent, run, state_dir = self.topics.agent, self.info.run, self.settings.agent.state_dir
        epoch, health_every_s = self.remembered.epoch, self.settings.agent.health_every_s
        return AgentIdLease(
            agent,
            LeaseAcquisition(agent, epoch, run, statuses, health_every_s, self.waits.quiet_s),
            LeaseDefence(agent, run, statuses),
            lines.probe,
            (lines.control, lines.ingest),
            partial(run.remember, state_dir),
        )

    def _decision(self) -> tuple[Monitors, BaselineMonitor, AlarmEngine, CommandDispatcher]:
        """From a batch to the alarm states, and the dispatcher of the commands that change them."""
        settings, bundle = self.settings, self.bundle
        commissioning = commissioning_of(settings, bundle, self.remembered.sensors)
        monitors = monitors_of(settings, bundle.contract, commissioning.monitor)
        policies = policy_of(settings, bundle.contract)
        engine = AlarmEngine(bundle.contract, bundle.sha256, policies, self.remembered.sensors, commissioning, OBSERVED)
        context = CommandContext(
            engine,
            self.renderer,
            self.journal,
            self.topics,
            state_dir=settings.agent.state_dir,
            commission_s=commissioning.seconds,
            unknown_states=commissioning.monitor.unknown_states,
        )
        context.pending.sources.append(commissioning.take_progress)
        return monitors, commissioning.monitor, engine, CommandDispatcher(context, self.inbox.wake)

    def _pipeline(
        self,
        intake: Intake,
        engine: AlarmEngine,
        baselines: BaselineMonitor,
        monitors: Monitors,
        recorder: Recorder,
        watchdog: Watchdog,
        publisher: Publisher,
        slow_writes: SlowWrites,
    ) -> Pipeline:
        contract, inference, clock = self.bundle.contract, self.settings.inference, self.clock
        batcher, spare = (
            Batcher(contract, inference.max_batch, inference.deadline_s, ignored_faults(self.settings))
            for _ in range(2)
        )

        def decided(decisions: Decisions) -> None:
            watchdog.beat()  # the call of the network may have taken long
            publisher.add_results(decisions, clock.monotonic_s())
            slow_writes.trends.add(decisions)

        return Pipeline(
            intake,
            batcher,
            self.chosen.backend,
            Interpreter(contract, baselines.calibration),
            engine,
            monitors=monitors,
            recorder=recorder,
            metrics=self.metrics,
            clock=clock,
            on_decisions=decided,
            overlap=Overlap(self.chosen.backend, spare, self.inbox.wake) if self.waits.overlap else None,
        )


def _short(bundle: Bundle) -> str:
    """The bundle's name and the start of its hash, for results."""
    return f"{bundle.manifest.name}@{bundle.sha256[:12]}"


def reference_to(bundle: Bundle) -> BundleReference:
    """How documents name the bundle."""
    return BundleReference(name=bundle.manifest.name, version=bundle.manifest.version, sha256=bundle.sha256)
