from __future__ import annotations

import subprocess
import sys

CHECK = """
import sys
from types import SimpleNamespace
sys.modules["prometheus_client"] = None  # as if it were not installed
from drsn.agent.service.metrics_wiring import check_metrics
from drsn.model.errors import ConfigurationError
check_metrics(SimpleNamespace(metrics=SimpleNamespace(enabled=False)))
try:
    check_metrics(SimpleNamespace(metrics=SimpleNamespace(enabled=True)))
except ConfigurationError as error:
    print(error)
"""


def test_metrics_without_their_library_are_a_configuration_error_with_the_remedy():
    done = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=True)
    assert done.stdout == "metrics.enabled: prometheus-client is missing; pip install 'drsn-edge[metrics]'\n"
