from __future__ import annotations

import pytest

from drsn.agent.__main__ import main
from drsn.agent.schema.documents import ReplyDocument
from drsn.agent.schema.trend import ForecastDocument, TrendDocument, TrendSeries
from drsn.agent.tools.operator.client import Client
from drsn.agent.tools.operator.trend_table import SHOWN, forecast_line, trend_lines


def series(count: int, velocity: float | None = 1.0) -> TrendSeries:
    values = tuple(None if velocity is None else velocity + at / 10 for at in range(count))
    return TrendSeries(
        at=tuple(f"2026-01-{at % 28 + 1:02}T00:00:00.000Z" for at in range(count)),
        windows=(100,) * count,
        velocity_rms_mm_s=values,
        rms=tuple(0.1 for _ in range(count)),
        peak=(0.5,) * count,
        crest_factor=(5.0,) * count,
        kurtosis=(None,) * count,
        healthy=(0.9,) * count,
    )


FORECAST = ForecastDocument(
    zone="zone_b", next_zone="zone_c", limit_mm_s=2.8, now_mm_s=2.0, per_day_mm_s=0.02, days=40.0, days_low=30.0,
    days_high=62.0,
)  # fmt: skip


def test_a_curve_a_table_and_the_forecast():
    lines = list(trend_lines("a", TrendDocument(hourly=series(30), daily=series(3), forecast=FORECAST)))
    assert lines[0] == "a, daily: velocity ▁▅█ 1 to 1.2"
    assert lines[2].split() == ["2026-01-01", "00:00", "100", "1", "0.1", "0.5", "5", "-", "0.9"]
    assert len(lines) == 2 + 3 + 1 + 2 + SHOWN["hourly"] + 1 + 1
    assert lines[-1] == "a: zone_b at 2 mm/s, +0.02 mm/s a day; zone_c (from 2.8 mm/s) in 40 days (30 to 62)"


def test_without_a_velocity_the_rms_is_drawn():
    lines = list(trend_lines("a", TrendDocument(hourly=series(2, None), daily=series(1, None))))
    assert lines[0] == "a, daily: rms ▁ 0.1 to 0.1"
    assert "no forecast" in lines[-1]


def test_a_sensor_without_a_trend():
    assert list(trend_lines("a", TrendDocument())) == [
        "a: nothing yet; a trend begins with the first window of the running machine"
    ]


def test_why_there_is_no_forecast():
    said = FORECAST.model_copy(update={"days": None, "reason": "no certain rise"})
    assert "cannot be said: no certain rise" in forecast_line(said)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`answered(reply, *options)`: exit code and stdout of `drsn-agent trend a`, where the agent answers this."""

    def run(reply: ReplyDocument, *options: str) -> tuple[int, str]:
        monkeypatch.setattr(Client, "__enter__", lambda client: client)
        monkeypatch.setattr(Client, "agent_of", lambda *_: "line4")
        monkeypatch.setattr(Client, "call", lambda *_: iter([reply]))
        code = main(["trend", "a", "--broker", "mqtt://b", *options])
        return code, capsys.readouterr().out

    return run


REPLY = ReplyDocument(agent="line4", request_id="r", verb="trend", ok=True, at="now")


def test_the_command_shows_the_trend(answered):
    trend = TrendDocument(hourly=series(2), daily=series(1), forecast=FORECAST)
    code, out = answered(REPLY.model_copy(update={"trend": trend}))
    assert (code, out.splitlines()) == (0, list(trend_lines("a", trend)))
    code, out = answered(REPLY.model_copy(update={"trend": trend}), "--json")
    assert (code, TrendDocument.model_validate_json(out)) == (0, trend)


def test_the_command_says_why_it_is_refused(answered):
    code, out = answered(REPLY.model_copy(update={"ok": False, "reason": "no sensor 'a'"}))
    assert (code, out) == (1, "refused: no sensor 'a'\n")
