from __future__ import annotations

import http.client
import json
from argparse import Namespace

import pytest
from servers import free_port

from drsn.agent.tools.demo.command import page_of


def test_without_the_option_there_is_no_page():
    assert page_of(Namespace(page=False)) is None


def test_the_page_is_served_and_its_url_printed(capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("uvicorn")
    page = page_of(Namespace(page=True))
    assert page is not None
    with page(free_port()) as url:
        assert url in capsys.readouterr().err
        connection = http.client.HTTPConnection("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]), timeout=10)
        connection.request("GET", "/api/state")
        assert json.loads(connection.getresponse().read())["prefix"] == "drsn/v1"
        connection.close()
