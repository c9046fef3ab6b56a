"""The terminal view with textual: two tables that follow the documents, and keys for commands."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from rich.text import Text
from textual.app import App
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Static

from drsn.agent.tools.operator.table import done_line
from drsn.agent.tools.top.arguments import SORTS
from drsn.agent.tools.top.rows import AGENT_COLUMNS, SENSOR_COLUMNS, SensorRow, agent_rows, arranged, sensor_rows
from drsn.model.errors import DrsnError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from drsn.agent.schema.documents import ReplyDocument
    from drsn.agent.tools.live.live_state import LiveState, Update

REFRESH_S: Final = 0.5
MAX_ROWS: Final = 500
"""Rows on the screen; more are counted, and a filter finds them."""

COMMAND_FIELDS: Final[dict[str, Callable[[SensorRow], dict[str, Any]]]] = {
    "ack": lambda row: {"event_id": row.event_id},
    "shelve": lambda _row: {"duration_s": 3600.0},
    "unshelve": lambda _row: {},
}
"""Verb of a key -> the fields of its command besides sensor and condition."""

STYLES: Final = {
    "active_unacked": "bold red", "active_acked": "red", "cleared_unacked": "yellow", "STALE": "dim", "normal": "green",
    "not watched": "magenta",
}  # fmt: skip
"""State -> style of its row's state."""


class Feed(Protocol):
    """What the view reads and commands: `live.subscriber.Subscriber`."""

    state: LiveState
    where: str

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        ...

    @property
    def last_error(self) -> str | None:
        """Why there is none."""
        ...

    def updates(self, timeout_s: float) -> list[Update]:
        """Take what has come."""
        ...

    def command(
        self,
        agent: str,
        verb: str,
        fields: dict[str, Any],
        on_reply: Callable[[str | None, ReplyDocument | None], None],
    ) -> None:
        """Send a command."""
        ...


class TextScreen(ModalScreen[None]):
    """A text over the view, until a key closes it."""

    BINDINGS: ClassVar = [Binding("escape,q,e,enter", "dismiss", "close")]
    CSS = (
        "TextScreen { align: center middle; } #text { width: 95%; height: 85%; border: round $primary; padding: 0 1; }"
    )

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        with VerticalScroll(id="text"):
            yield Static(self._text, markup=False)


class FollowingTable(DataTable[Text]):
    """A table that is filled again and again, and leaves the cursor on the row where it was."""

    _cells: list[tuple[str, ...]] | None = None

    def fill(self, keys: Sequence[str], cells: list[tuple[str, ...]]) -> None:
        """Show rows; nothing is drawn if nothing has changed."""
        if self._cells == cells:
            return
        self._cells = cells
        before, row, x, y = self.selected_key, self.cursor_row, self.scroll_x, self.scroll_y
        self.clear()
        for key, values in zip(keys, cells, strict=True):
            self.add_row(*(_styled(column, value, values[1]) for column, value in enumerate(values)), key=key)
        if keys:
            self.move_cursor(row=keys.index(before) if before in keys else min(row, len(keys) - 1), scroll=False)
        self.scroll_to(x, y, animate=False)

    @property
    def selected_key(self) -> str | None:
        """Key of the row under the cursor."""
        if not self.is_valid_row_index(self.cursor_row):
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value


class TopApp(App[None]):
    """The view.

    Args:
        feed: the documents, and the way of commands.
        evidence: takes a sensor and an event; returns its record as text, or raises `DrsnError`. May block.
        sort: what rows are sorted by, of `SORTS`.
    """

    TITLE = "drsn-agent top"
    CSS = """
    #agents { height: auto; max-height: 30%; }
    #sensors { height: 1fr; }
    #line { height: 1; }
    #filter { display: none; }
    """
    BINDINGS: ClassVar = [
        Binding("a", "command('ack')", "ack"),
        Binding("s", "command('shelve')", "shelve 1 h"),
        Binding("u", "command('unshelve')", "unshelve"),
        Binding("e", "evidence", "evidence"),
        Binding("o", "sort", "sort"),
        Binding("slash", "filter", "filter"),
        Binding("n", "alarms_only", "alarms only"),
        Binding("escape", "leave_filter", "leave filter", show=False),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, feed: Feed, evidence: Callable[[str, str], str], sort: str = "urgency") -> None:
        super().__init__()
        self.text = ""
        """Only rows that contain it are shown."""
        self.sort = sort
        self.alarms_only = False
        self._feed, self._evidence = feed, evidence
        self._rows: dict[str, SensorRow] = {}  # by the key of the table's row, as shown
        self._said = ""

    def compose(self) -> ComposeResult:
        """Make the widgets."""
        yield FollowingTable(id="agents", cursor_type="none")
        yield Input(placeholder="show rows that contain ...", id="filter")
        yield FollowingTable(id="sensors", cursor_type="row")
        yield Static("", id="line", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to follow."""
        self.query_one("#agents", FollowingTable).add_columns(*AGENT_COLUMNS)
        self.query_one("#sensors", FollowingTable).add_columns(*SENSOR_COLUMNS)
        self.query_one("#sensors").focus()
        self.set_interval(REFRESH_S, self.refresh_view)
        self.refresh_view()

    def refresh_view(self) -> None:
        """Take what has come, and show it."""
        self._feed.updates(0.0)
        now_s, connected = time.monotonic(), self._feed.connected
        agents = agent_rows(self._feed.state, now_s, connected=connected)
        rows = sensor_rows(self._feed.state, now_s, connected=connected)
        found = arranged(rows, self.sort, self.text, alarms_only=self.alarms_only)
        self._rows = {f"{row.sensor} {row.agent}": row for row in found[:MAX_ROWS]}
        self.query_one("#agents", FollowingTable).fill([row.agent for row in agents], [row.cells for row in agents])
        shown = self._rows.values()
        self.query_one("#sensors", FollowingTable).fill(list(self._rows), [row.cells for row in shown])
        self.query_one("#line", Static).update(self._line(len(rows), len(found)))

    def _line(self, of: int, found: int) -> str:
        """What is shown, and what the last command led to."""
        where = self._feed.where
        if not self._feed.connected:
            where = (
                f"NO CONNECTION to {where} ({self._feed.last_error or 'lost'}), trying again; all that is shown is old"
            )
        text = f", filter {self.text!r}" if self.text else ""
        more = f", {found - MAX_ROWS} more: use the filter" if found > MAX_ROWS else ""
        only = ", alarms only" if self.alarms_only else ""
        said = f"  |  {self._said}" if self._said else ""
        return printable(f"{where}  |  {found} of {of} sensors by {self.sort}{text}{only}{more}{said}")

    @property
    def selected(self) -> SensorRow | None:
        """The row under the cursor."""
        return self._rows.get(self.query_one("#sensors", FollowingTable).selected_key or "")

    def say(self, text: str) -> None:
        """Show one line until the next."""
        self._said = text
        self.refresh_view()

    def action_command(self, verb: str) -> None:
        """Command the alarm under the cursor; an acknowledgement names the event that is shown."""
        row = self.selected
        if row is None or row.target is None:
            self.say("no alarm under the cursor")
            return
        fields = {"sensor": row.sensor, "condition": row.target, **COMMAND_FIELDS[verb](row)}

        def replied(problem: str | None, reply: ReplyDocument | None) -> None:
            events = () if reply is None else reply.events
            until = max((each.shelved_until for each in events if each.shelved_until), default=None)
            done = done_line(verb, row.sensor, row.target, row.agent, until)
            self._said = f"{row.sensor}, {row.target}: {verb} refused: {problem}" if problem else done

        self._said = f"{row.sensor}, {row.target}: {verb} sent"
        self._feed.command(row.agent, verb, fields, replied)
        self.refresh_view()

    def action_evidence(self) -> None:
        """Fetch the record of the event, beside the view."""
        row = self.selected
        if row is None or row.event_id is None:
            self.say("no alarm under the cursor")
            return
        self.say(f"{row.sensor}: asks agent {row.agent} for the evidence")
        self.run_worker(partial(self._fetch, row.sensor, row.event_id), thread=True, exclusive=True)

    def action_sort(self) -> None:
        """Sort by the next key."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]
        self.refresh_view()

    def action_alarms_only(self) -> None:
        """Leave out sensors that are normal, or show them again."""
        self.alarms_only = not self.alarms_only
        self.refresh_view()

    def action_filter(self) -> None:
        """Open the line for the filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.value = self.text
        field.focus()

    def action_leave_filter(self) -> None:
        """Close that line, and show all rows."""
        self.query_one("#filter", Input).value = self.text = ""
        self.on_input_submitted()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is written."""
        self.text = event.value
        self.refresh_view()

    def on_input_submitted(self) -> None:
        """Keep the filter, and go back to the table."""
        self.query_one("#filter", Input).display = False
        self.query_one("#sensors").focus()
        self.refresh_view()

    def _fetch(self, sensor: str, event_id: str) -> None:
        """In a thread: get the record and show it."""
        try:
            text = self._evidence(sensor, event_id)
        except DrsnError as error:
            self.call_from_thread(self.say, str(error))
            return
        lines = [printable(line) for line in text.splitlines()]
        self.call_from_thread(self.push_screen, TextScreen("\n".join(lines)))


def _styled(column: int, value: str, state: str) -> Text:
    return Text(printable(value), style=STYLES.get(state, "") if column == 1 else "dim" if state == "STALE" else "")
