from __future__ import annotations

import sys

import pytest

from drsn.agent.acquisition.codecs.document_path import PathError, document_path, keys_shown

DOCUMENT = {
    "data": {"v": 1, "0": "key"},
    "vals": [{"val": [1, 2], "id": "101"}, {"val": [3, 4]}],
    "Channel1.Device1.Vib": 7,
    "_a": {"ä": 5},
    "rows": [{"x": 1, "y": 2}, {"x": 3, "y": 4}],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.v", 1),
        ("data.0", "key"),
        ("vals.0.val", [1, 2]),
        ("vals[0].val", [1, 2]),
        ("vals[-1].val[0]", 3),
        ("$.data.v", 1),
        ("['Channel1.Device1.Vib']", 7),
        ("_a.ä", 5),
        ("$._a.ä", 5),
        ("rows[*].x", [1, 3]),
        ("$['rows'][*]['y']", [2, 4]),
        ("data.*", [1, "key"]),
        ("rows[?@.x > 1].y", [4]),
        ("vals[0:2].val", [[1, 2], [3, 4]]),
        ("", DOCUMENT),
        ("$", DOCUMENT),
    ],
)
def test_a_path_leads_to_its_value(path: str, value: object):
    assert document_path(path).value_in(DOCUMENT) == value


@pytest.mark.parametrize(
    "path",
    [
        "none",
        "data.v.w",
        "vals.2.val",
        "vals[2].val",
        "vals.x",
        "vals.-1",
        "rows[*].z",
        "rows[?@.x > 9].y",
        "data[*].x",
    ],
)
def test_a_path_to_nothing_is_none(path: str):
    assert document_path(path).value_in(DOCUMENT) is None


@pytest.mark.parametrize("document", [None, 3, "text", [], {}])
def test_a_document_of_another_shape_has_nothing(document: object):
    for path in ("a.b", "a[0]", "a[*].b", "a[?@.b]"):
        assert document_path(path).value_in(document) is None


@pytest.mark.parametrize("path", ["vals[", "a[0] | b[0]", "a[?(", "[" * 500])
def test_what_is_no_path_is_refused_in_one_line(path: str):
    with pytest.raises(PathError) as refusal:
        document_path(path)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 250


def test_dotted_paths_need_no_library(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "jsonpath", None)
    assert document_path("dotted.without.a.library").value_in({}) is None
    with pytest.raises(ModuleNotFoundError):
        document_path("with[0].a.library")


def test_a_message_names_the_keys_that_are_there():
    assert keys_shown({"a": 1, "b\n": 2}) == "the document has 'a', 'b\\n'"
    assert keys_shown(dict.fromkeys(range(9)), "a sample") == "a sample has 0, 1, 2, 3, 4, …"
    assert keys_shown([1]) == "the document is a list"
    assert keys_shown({}) == "the document is empty"
