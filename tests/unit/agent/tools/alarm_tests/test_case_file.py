"""What is wrong with a file is one line that names the file, the case, the step, the field and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.alarm_tests.case_file import read
from drsn.model.errors import BundleError, ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[agent]
bundle = "shipped:cwru"
[mqtt]
username = "agent"
password_file = "not-on-this-machine"
[[inputs]]
topic = "plant/{machine}/frame"
sensor = "{machine}"
hop_windows = 0.5
[alarms]
raise_after = "1/1"
[[sensors]]
match = "press*"
alarms.latch = true
"""

SICK = '[model]\nlabels = [{name="a", condition="a"}, {name="b", condition="b"}]'


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ('{ say = "rust" }', "step 1: say: the model has no label 'rust'"),
        ('{ say = "normal" }, { label = "ball_007" }', "step 2: say how many: windows, or for_s"),
        ('{ say = "normal", windows = 3 }', "step 1: say gives labels and counts"),
        ('{ label = "normal", windows = 0 }', "step 1: windows: Input should be greater than or equal to 1"),
        ("{ wait_s = 3 }", "step 1: says nothing that can happen; a step has one of say, label"),
        ('{ nothing_s = 3, says = "x" }', "step 1: says: no such field; is it misspelt?"),
        ('{ fault = "rust", windows = 1 }', "step 1: fault: Input should be 'flat'"),
        ("{ restart = false }", "step 1: restart: Input should be True"),
        (
            '{ command = "ack", condition = "rust" }',
            "step 1: condition: 'rust' is not one of ball, inner_race, unknown",
        ),
        ('{ command = "ack", expect_refused = "" }', "step 1: expect_refused: String should have at least 3"),
        ('{ say = "normal", expect_alarm = {} }', "step 1: expect_alarm: expects nothing, so it can't fail"),
        ('{ recording = "a.wav" }', "step 1: recording: labels alone can't diagnose it; name a bundle"),
        ('{ sensor = "a/b", say = "normal" }', "step 1: sensor: String should match"),
    ],
)  # fmt: skip
def test_a_step_that_is_wrong_is_named(write, steps, complaint):
    with pytest.raises(ConfigurationError) as error:
        read(write(steps))
    assert str(error.value).startswith(f"{write(steps)}: case 'one': {complaint}")


@pytest.mark.parametrize(
    ("expect", "more", "complaint"),
    [
        ('[{ condition = "rust" }]', "", "expect 1: condition: 'rust' is not one of"),
        ("[]", "expect_some = true", "expect: is empty, and others may come, so it can't fail"),
        ("[]", "expect_alarm = {}", "expect_alarm: expects nothing"),
        ("[]", "within = 3", "within: no such field"),
    ],
)
def test_what_is_expected_wrongly_is_named(write, expect, more, complaint):
    with pytest.raises(ConfigurationError) as error:
        read(write('{ say = "normal" }', expect, more))
    assert str(error.value).startswith(f"{write('')}: case 'one': {complaint}")


def test_a_case_can_name_what_monitors_raise(write):
    steps = '{ say = "normal" }, { command = "shelve", condition = "changed", for_s = 60 }'
    case = read(write(steps, '[{ condition = "vibration_level", severity = "major" }]')).cases[0]
    assert case.expected[0].fields["condition"] == "vibration_level"


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        ("", "bundle: name one, such as shipped:cwru"),
        ('bundle = "shipped:rust"', "bundle 'shipped:rust': unknown; the shipped bundles are universal"),
        ('bundle = "missing.zip"', "missing.zip"),
        ('bundles = "x"', "bundles: no such field"),
        ('bundle = "shipped:cwru"\n[settings.alarms]\nlatched = true', "settings.alarms.latched: no such field"),
        ('bundle = "shipped:cwru"\n[settings.alarms]\nraise_after = "9/8"', "settings.alarms.raise_after: '9/8'"),
        ('bundle = "shipped:cwru"\n[settings.mqtt]\nurl = "x"', "settings.mqtt: alarms depend on alarms, gate"),
        ('config = "missing.toml"', "missing.toml: no such file"),
        ('config = "a.toml"\n[settings.alarms]\nlatch = true', "settings: the configuration has them"),
        (f'bundle = "shipped:cwru"\n{SICK}', "model: the bundle has its labels"),
        (SICK, "model: no label is healthy"),
    ],
)  # fmt: skip
def test_a_head_that_is_wrong_is_named(write, head, complaint):
    with pytest.raises(ConfigurationError) as error:
        read(write('{ say = "normal" }', head=head))
    assert str(error.value).startswith(f"{write('')}: ")
    assert complaint in str(error.value)


def test_a_file_that_is_none_is_named(tmp_path: Path):
    path = tmp_path / "cases.toml"
    with pytest.raises(ConfigurationError, match="no such file"):
        read(path)
    for content, complaint in ((b"[[case]", "not TOML"), (b"\xff", "not UTF-8"), (b"case = 1", r"no \[\[case\]\]")):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=complaint):
            read(path)
    for content, complaint in ((b"a = " + b"[" * 100_000, "brackets"), (b"#" * (1 << 20) + b"\n", "larger than 1048")):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=complaint) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
    path.write_text('bundle = "shipped:cwru"\ncase = [1]')
    with pytest.raises(ConfigurationError, match="case '1': Input should be a valid dictionary"):
        read(path)


def test_two_cases_of_one_name_are_refused(write):
    path = write('{ say = "normal" }')
    head, case = path.read_text().split("[[case]]")
    path.write_text(f"{head}[[case]]{case}[[case]]{case}")
    with pytest.raises(ConfigurationError, match="two cases are called 'one'"):
        read(path)


def test_an_agents_own_configuration_gives_the_settings_wherever_it_is_meant_to_run(write, tmp_path: Path):
    (tmp_path / "agent.toml").write_text(CONFIG)
    setup = read(write('{ say = "ball_014" }', head='config = "agent.toml"')).setup
    assert (str(setup.settings.alarms.raise_after), setup.hop_windows) == ("1/1", 0.5)
    assert setup.reference.name == "cwru"
    other = read(write('{ say = "normal" }', head='config = "agent.toml"\nbundle = "shipped:synthetic"')).setup
    assert other.reference.name == "synthetic"


def test_a_broken_bundle_is_a_broken_file(write, tmp_path: Path):
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4")
    with pytest.raises(ConfigurationError, match=r"broken\.zip") as error:
        read(write('{ say = "normal" }', head='bundle = "broken.zip"'))
    assert error.value.exit_code == BundleError.exit_code
