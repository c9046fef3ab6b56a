"""Each public set on a miniature tree in its documented layout, and on the real files where they are."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from scipy.io import savemat

from drsn.model.data import cwru
from drsn.model.data.content import ANY
from drsn.model.data.files import read_file
from drsn.model.data.public.table import PUBLIC_SETS
from drsn.model.errors import BadDataError
from drsn.model.recipe import PublicData, recipe_from
from drsn.model.sources import corpus_of

RNG = np.random.default_rng(0)
N = 4096


def noise(n: int = N) -> np.ndarray:
    return RNG.normal(0, 0.3, n).round(5)


def put_mat(path: Path, **variables: Any) -> None:  # noqa: ANN401 (what scipy takes)
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, variables)


def put_text(path: Path, columns: int, sep: str, head: tuple[str, ...] = (), tail: str = "", n: int = N) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (sep.join(map(str, row)) + tail for row in RNG.normal(0, 0.3, (n, columns)).round(4))
    path.write_text("\n".join([*head, *rows]) + "\n")


def make_cwru(folder: Path) -> None:
    for number in cwru.LABEL_AND_LOAD:
        size = 4 * N if number < 105 else N
        put_mat(
            folder / f"{number}.mat", **{f"X{number:03d}_DE_time": noise(size)[:, None], f"X{number:03d}RPM": 1797.0}
        )


def make_hit_sm(folder: Path) -> None:
    for rig in ("spectraquest", "self_built"):
        for kind in ("Normal", "IR2", "IR5", "IR8", "OR2", "OR5", "OR8"):
            for rpm in (600, 900, 1200):
                put_mat(folder / rig / f"{kind}_{rpm}.mat", x=noise()[None])


def make_mfpt(folder: Path) -> None:
    def put(name: str, rate_hz: float) -> None:
        put_mat(folder / name, bearing={"sr": rate_hz, "gs": noise(2 * N)[:, None], "load": 270.0, "rate": 25.0})

    for number in (1, 2, 3):
        put(f"1 - Three Baseline Conditions/baseline_{number}.mat", 97656.0)
        put(f"2 - Three Outer Race Fault Conditions/OuterRaceFault_{number}.mat", 97656.0)
        put(f"4 - Seven Inner Race Fault Conditions/InnerRaceFault_vload_{number}.mat", 48828.0)
    put("6 - Real World Examples/OilPumpShaftBearing.mat", 48828.0)  # no label


def make_paderborn(folder: Path) -> None:
    signals = np.zeros(2, dtype=[("Name", object), ("Data", object), ("Raster", object)])
    for code in ("K001", "K002", "K003", "KA01", "KA04", "KA15", "KI01", "KI04", "KI14", "KB23", "KB24", "KB27"):
        for setting in ("N15_M07_F10", "N09_M07_F10"):
            signals[0] = ("speed", noise(500)[None], "Mech_4kHz")
            signals[1] = ("vibration_1", noise()[None], "HostService")
            name = f"{setting}_{code}_1"
            put_mat(folder / code / f"{name}.mat", **{name: {"Info": "i", "X": signals[:1], "Y": signals}})


def make_jnu(folder: Path) -> None:
    for kind in ("n", "ib", "ob", "tb"):
        for rpm in (600, 800, 1000):
            put_text(folder / f"{kind}{rpm}{'_3' if kind == 'n' else ''}_2.csv", 1, ",")


def make_uestc(folder: Path) -> None:
    for kind in "NBIO":
        for rpm in (800, 1000, 1200, 1400):
            for number in (1, 2):
                put_mat(
                    folder / f"{kind}_{rpm}_{number}.mat", Data=noise()[:, None], Datacount=N, SampleFrequency=20000.0
                )


def make_ottawa(folder: Path) -> None:
    for kind in "HIOBC":
        for profile in "ABCD":
            path = folder / f"{kind} Data" / f"{kind}-{profile}-1.mat"
            put_mat(path, Channel_1=noise(4 * N)[:, None], Channel_2=noise(4 * N)[:, None])


def make_seu(folder: Path) -> None:
    head = ("Title\t gearbox", "Data points\t4096", "Sampling rate\t5120", "", "Data\t")
    for kind in ("ball", "comb", "health", "inner", "outer"):
        put_text(folder / "gearbox/bearingset" / f"{kind}_20_0.csv", 8, "\t", head, "\t", n=600)
        put_text(folder / "gearbox/bearingset" / f"{kind}_30_2.csv", 8, ",", head, ",", n=600)  # some files have commas
    for kind in ("Chipped", "Health", "Miss", "Root", "Surface"):
        put_text(folder / "gearbox/gearset" / f"{kind}_20_0.csv", 8, "\t", head, "\t", n=600)


def make_mafaulda(folder: Path) -> None:
    for name in ("normal", "imbalance/6g", "imbalance/10g", "imbalance/15g", "horizontal-misalignment/0.5mm",
                 "vertical-misalignment/0.51mm", "vertical-misalignment/0.63mm", "underhang/ball_fault/0g",
                 "overhang/ball_fault/6g", "overhang/ball_fault/20g", "underhang/cage_fault/0g",
                 "overhang/cage_fault/6g",
                 "overhang/cage_fault/20g", "underhang/outer_race/0g", "underhang/outer_race/6g",
                 "overhang/outer_race/20g"):  # fmt: skip
        for hz in ("12.288", "13.1072", "14.336") if name == "normal" else ("12.288",):
            put_text(folder / name / f"{hz}.csv", 8, ",")


def make_xjtu_sy(folder: Path) -> None:
    head = ("Horizontal_vibration_signals,Vertical_vibration_signals",)
    for setting, first in (("35Hz12kN", 1), ("37.5Hz11kN", 2), ("40Hz10kN", 3)):
        for bearing in range(1, 6):
            for minute in range(1, 12):
                path = folder / "XJTU-SY_Bearing_Datasets" / setting / f"Bearing{first}_{bearing}" / f"{minute}.csv"
                put_text(path, 2, ",", head, n=600)


def make_femto(folder: Path) -> None:
    for place, bearing in (
        ("Learning_set", "1_1"),
        ("Learning_set", "2_1"),
        ("Full_Test_Set", "1_3"),
        ("Test_set", "1_3"),
    ):
        for number in range(1, 11):
            path = folder / place / f"Bearing{bearing}" / f"acc_{number:05d}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            us = 65_000 + np.arange(2560) * 39.0625
            rows = (f"9,39,39,{u:.1f},{x},{x / 2:.5f}" for u, x in zip(us, noise(2560), strict=True))
            path.write_text("\n".join(rows) + "\n")
            (path.parent / f"temp_{number:05d}.csv").write_text("9,39,39,0,25.1\n")


def make_ims(folder: Path) -> None:
    for place, columns in (("1st_test", 8), ("2nd_test", 4), ("4th_test/txt", 4)):
        for hour in range(10):
            put_text(folder / place / f"2003.10.22.{hour:02d}.06.24", columns, "\t", n=600)


MAKERS = {name.removeprefix("make_"): value for name, value in dict(globals()).items() if name.startswith("make_")}
LEAST_GROUPS = {"ims": 1, "seu": 1}
"""Sets that a split by group refuses."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("public")
    for name, make in MAKERS.items():
        make(folder / name)
    return folder


def test_every_set_has_a_tree_and_a_source_in_recipes():
    assert {*MAKERS} == {*PUBLIC_SETS}
    assert {*get_args(PublicData.model_fields["source"].annotation)} == {*PUBLIC_SETS} - {
        "cwru"
    }  # has a source of its own


@pytest.mark.parametrize("name", sorted(PUBLIC_SETS))
def test_labels_groups_speeds_and_rates_follow_from_the_layout(name: str, tree: Path):
    public = PUBLIC_SETS[name]
    entries = public.entries(tree / name)
    assert {entry.label for entry in entries} == {*public.labels}
    assert len({entry.name for entry in entries}) == len(entries)
    groups: dict[str, set[str]] = {}
    for entry in entries:
        groups.setdefault(entry.label, set()).add(entry.group)
    least = min(len(each) for each in groups.values())
    assert least >= LEAST_GROUPS.get(name, 2 if name in ("xjtu_sy", "femto") else 3), groups
    assert all(entry.rpm for entry in entries) or name == "ottawa"
    for entry in entries[:: max(1, len(entries) // 12)]:
        recording = read_file(entry.path, entry.choice(ANY)).recording
        assert recording.samples.shape[0] == 1
        assert entry.sample_rate_hz is None or recording.sample_rate_hz == entry.sample_rate_hz


def test_the_life_of_a_bearing_is_normal_at_first_and_faulty_at_last(tree: Path):
    entries = PUBLIC_SETS["xjtu_sy"].entries(tree / "xjtu_sy")
    of_one = {entry.path.stem: entry.label for entry in entries if entry.machine == "1_4"}
    assert of_one == {"1": "normal", "2": "normal", "11": "cage"}
    assert Counter(entry.rpm for entry in entries).keys() == {2100.0, 2250.0, 2400.0}
    femto = PUBLIC_SETS["femto"].entries(tree / "femto")
    assert not [entry.name for entry in femto if entry.name.startswith("Test_set")]  # cut lives


def test_a_bearing_of_ims_has_its_own_columns(tree: Path):
    entries = PUBLIC_SETS["ims"].entries(tree / "ims")
    channels = {entry.group: entry.channels for entry in entries}
    assert channels["1st_test bearing 3"] == (4,)
    assert channels["2nd_test bearing 3"] == (2,)
    assert {entry.group for entry in entries if entry.label == "ball"} == {"1st_test bearing 4"}


def test_a_folder_of_another_layout_says_the_one_that_is_expected(tmp_path: Path):
    (tmp_path / "a.csv").write_text("1\n")
    with pytest.raises(BadDataError, match=r"no file of Paderborn.*KA01/N15_M07_F10_KA01_1\.mat"):
        PUBLIC_SETS["paderborn"].entries(tmp_path)
    with pytest.raises(BadDataError, match=r"no such folder; unpack MFPT.*there, or give data\.path"):
        PUBLIC_SETS["mfpt"].entries(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["paderborn", "mfpt", "mafaulda"])
def test_a_recipe_names_a_public_set_and_its_groups_stay_together(name: str, tree: Path, tiny: dict[str, Any]):
    labels = ("normal", "outer_race", "ball" if name == "mafaulda" else "inner_race")
    document = {
        **tiny,
        "labels": [{"name": each, "condition": each, "healthy": each == "normal"} for each in labels],
        "data": {"source": name, "path": str(tree / name)},
    }
    corpus = corpus_of(recipe_from(document, name))
    sets = (corpus.train, corpus.validation, corpus.test)
    assert {recording.label for part in sets for recording in part} == {*labels}
    groups = [{recording.group for recording in part} for part in sets]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert any(note.startswith("left out") for note in corpus.notes) is (name != "mfpt")


def test_channels_of_a_recipe_override_those_of_the_set(tree: Path, tiny: dict[str, Any]):
    labels = [{"name": each, "condition": each, "healthy": each == "normal"} for each in ("normal", "imbalance")]
    data = {"source": "mafaulda", "path": str(tree / "mafaulda")}

    def found(**more: Any) -> np.ndarray:  # noqa: ANN401 (fields of a recipe)
        corpus = corpus_of(recipe_from({**tiny, "labels": labels, "data": {**data, **more}}, "a"))
        return next(r.samples for r in corpus.train if r.label == "imbalance")

    assert not np.array_equal(found(), found(channels=[5]))
    np.testing.assert_array_equal(found(), found(channels=[2]))


def test_a_set_whose_groups_are_too_few_asks_for_a_cut_in_time(tree: Path, tiny: dict[str, Any]):
    labels = [{"name": each, "condition": each, "healthy": each == "normal"} for each in ("normal", "outer_race")]
    data = {"source": "ims", "path": str(tree / "ims")}
    with pytest.raises(BadDataError, match=r"outer_race has 2 independent .*data\.split = 'time'"):
        corpus_of(recipe_from({**tiny, "labels": labels, "data": data}, "ims"))


@pytest.mark.parametrize("name", ["cwru", "hit_sm"])
def test_the_real_files_are_listed_and_read(name: str):
    folder = Path(os.environ.get("DRSN_DATA_DIR", "missing")) / name
    if not folder.is_dir():
        pytest.skip(f"set DRSN_DATA_DIR to the folder that holds {name}/ (docs/contribute/data.md)")
    entries = PUBLIC_SETS[name].entries(folder)
    assert {entry.label for entry in entries} == {*PUBLIC_SETS[name].labels}
    for entry in entries[::13]:
        assert read_file(entry.path, entry.choice(ANY)).recording.samples.shape[0] == 1


if "DRSN_MFPT_DIR" in os.environ:  # its licence forbids to commit it, so CI does not have it

    def test_the_real_files_of_mfpt_load():
        """No result is looked at: it is a set for one look."""
        entries = PUBLIC_SETS["mfpt"].entries(Path(os.environ["DRSN_MFPT_DIR"]))
        rates_hz = {read_file(entry.path, entry.choice(ANY)).recording.sample_rate_hz for entry in entries}
        assert rates_hz == {97656, 48828}
