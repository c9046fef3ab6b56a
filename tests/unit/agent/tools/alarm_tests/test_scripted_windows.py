from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.tools.alarm_tests.scripted_windows import WindowRun, probabilities, runs_of
from drsn.agent.tools.alarm_tests.steps import ScriptedWindows
from drsn.model.errors import ConfigurationError


def test_the_short_form_is_runs_of_labels_faults_and_what_is_unknown(contract):
    step = ScriptedWindows(say="normal x8, ball, gap, flat x2,unknown x3")
    assert runs_of(step, contract, 1.0) == [
        WindowRun(8, "normal"),
        WindowRun(1, "ball"),
        WindowRun(2, fault="flat", gap=True),
        WindowRun(3, novelty=np.inf),
    ]


def test_a_duration_is_whole_windows_and_one_at_least(contract):
    counts = [runs_of(ScriptedWindows(label="ball", for_s=s), contract, 0.17)[0].count for s in (0.01, 0.17, 1.7, 1.8)]
    assert counts == [1, 1, 10, 11]


def test_a_window_may_be_strange_and_a_label_at_once(contract):
    assert runs_of(ScriptedWindows(label="ball", windows=1, novelty=0.5), contract, 1.0) == [WindowRun(1, "ball", 0.5)]
    assert runs_of(ScriptedWindows(abstains=True, label="ball", windows=1), contract, 1.0) == [
        WindowRun(1, "ball", np.inf)
    ]


@pytest.mark.parametrize(
    ("label", "second", "due"),
    [
        ("ball", None, [0.1, 0, 0, 0.9]),
        ("normal", None, [0.9, 0.1 / 3, 0.1 / 3, 0.1 / 3]),
        ("ball", "inner_race_014", [0, 0, 0.1, 0.9]),
        ("ball", "ball", [0, 0, 0, 1]),
        (None, None, [0.25, 0.25, 0.25, 0.25]),
    ],
)
def test_what_a_label_leaves_goes_to_the_second_else_to_normal_or_evenly_to_the_faults(contract, label, second, due):
    step = ScriptedWindows(say="ball", confidence=0.9, second=second)
    np.testing.assert_allclose(probabilities(label, step, contract), due, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"say": "rust"}, "say: the model has no label 'rust'; it has normal, inner_race_007"),
        ({"say": "ball 6"}, "say: 'ball 6' is not LABEL or LABEL xN"),
        ({"say": "ball x0"}, "say: 'ball x0' is not"),
        ({"say": "ball, gap"}, "say: no window follows the gap"),
        ({"say": "ball", "second": "rust"}, "second: the model has no label 'rust'"),
        ({"say": "ball", "confidence": 0.4}, "confidence: 0.4 leaves more for normal"),
        ({"abstains": True, "windows": 1, "novelty": -1.0}, "novelty: -1 is known"),
    ],
)
def test_what_the_model_would_not_say_is_refused(contract, given, complaint):
    with pytest.raises(ConfigurationError) as error:
        runs_of(ScriptedWindows(**given), contract, 1.0)
    assert str(error.value).startswith(complaint)


def test_a_model_that_never_abstains_can_not_be_unknown(contract):
    never = contract.model_copy(update={"abstention_threshold": None})
    with pytest.raises(ConfigurationError, match="say: this model never abstains"):
        runs_of(ScriptedWindows(say="unknown"), never, 1.0)
