"""A protocol's run: every task counts once, a broken-off run goes on, and the table says what the paper does."""

import json

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.settings import ReconstructionSettings
from dust3r.evaluation.protocols.catalogue import PROTOCOLS, Protocol, mean_figures
from dust3r.evaluation.protocols.examination import examine
from dust3r.evaluation.protocols.photo_map import summarise_placements
from dust3r.evaluation.protocols.result_log import ResultLog
from dust3r.evaluation.protocols.table import log_beside, protocol_table
from dust3r.evaluation.protocols.task import Task, few
from dust3r.tests.protocol_folders import save_millimetres
from PIL import Image

RECIPE = {"model": "m@1", "settings": {"sizes": (1, 2)}}
PROTOCOL = Protocol("Rooms", lambda root: [], {"a": "A", "b": "B"}, "rooms", published={"mean": {"a": 4.5}})


def tasks_of(**groups):
    """Tasks whose figures are given, and the list of those that were examined."""
    seen, tasks = [], []
    for group, results in groups.items():
        for number, figures in enumerate(results):

            def work(model, settings, report, name=(group, number), figures=figures):
                report("Aligning", 1, 2)
                seen.append(name)
                return figures

            tasks.append(Task(group, str(number), work))
    return tasks, seen


def outcome_of(tasks, log=None, report=lambda *_: None):
    return examine(PROTOCOL, tasks, None, ReconstructionSettings(), log or ResultLog(None, {}), report)


def test_groups_count_once_each_however_many_tasks_they_have():
    tasks, _ = tasks_of(kitchen=[{"a": 1.0, "b": 0.0}, {"a": 3.0, "b": 0.0}], hall=[{"a": 6.0, "b": 1.0}], attic=[{}])
    outcome = outcome_of(tasks)
    assert outcome.rows == {"kitchen": {"a": 2, "b": 0}, "hall": {"a": 6, "b": 1}, "mean": {"a": 4, "b": 0.5}}
    assert outcome.counts == {"kitchen": 2, "hall": 1, "mean": 3}
    assert outcome.left_out == ("attic/0",)


def test_the_table_has_the_papers_figure_in_brackets():
    tasks, _ = tasks_of(kitchen=[{"a": 1.0, "b": 0.5}], hall=[{"a": 8.0, "b": 10.25}])
    assert protocol_table(PROTOCOL, outcome_of(tasks)).splitlines() == [
        "                  A      B  rooms",
        "kitchen        1.00   0.50      1",
        "hall           8.00  10.25      1",
        "mean     4.50 (4.5)   5.38      2",
    ]


def test_one_group_has_no_mean_below_it():
    assert list(outcome_of(tasks_of(hall=[{"a": 1.0, "b": 1.0}])[0]).rows) == ["hall"]


def test_a_run_that_was_broken_off_goes_on_where_it_was(tmp_path):
    path = tmp_path / "out.jsonl"
    results = [{"a": 1.0, "b": None}, {}, {"a": 3.0, "b": 1.0}]

    def stop(stage, done, total):
        if done == 2:
            raise InputError("stopped")

    tasks, seen = tasks_of(hall=results)
    with pytest.raises(InputError, match="stopped"):
        outcome_of(tasks, ResultLog(path, RECIPE), stop)
    assert seen == [("hall", 0), ("hall", 1)]
    with path.open("a") as file:
        file.write('{"group": "hall", "na')  # the power went
    tasks, seen = tasks_of(hall=results)
    outcome = outcome_of(tasks, ResultLog(path, RECIPE))
    assert seen == [("hall", 2)]
    assert outcome.rows == {"hall": {"a": 2, "b": float("inf")}} and outcome.left_out == ("hall/1",)
    tasks, seen = tasks_of(hall=results)
    assert outcome_of(tasks, ResultLog(path, RECIPE)) == outcome and seen == []


def test_results_of_another_model_are_not_taken_for_this_ones(tmp_path):
    ResultLog(tmp_path / "out.jsonl", RECIPE)
    with pytest.raises(InputError, match=r"out\.jsonl has results of other data, model or settings"):
        ResultLog(tmp_path / "out.jsonl", RECIPE | {"model": "m@2"})


@pytest.mark.parametrize("content", ["", "no\n", "[]\n", '{"recipe": 1}\n', "\xff"])
def test_a_file_that_holds_no_results_is_a_sentence_and_stays(tmp_path, content):
    path = tmp_path / "out.jsonl"
    path.write_bytes(content.encode("latin1"))
    with pytest.raises(InputError, match=r"out\.jsonl"):
        ResultLog(path, RECIPE)
    assert path.read_bytes() == content.encode("latin1")


def test_nothing_measured_is_a_sentence():
    with pytest.raises(InputError, match="None of the 1 rooms can be measured: they lack true depth"):
        outcome_of(tasks_of(hall=[{}])[0])


def test_progress_counts_tasks_whatever_happens_in_them():
    seen = []
    tasks, _ = tasks_of(hall=[{"a": 1.0, "b": 1.0}] * 2)
    outcome_of(tasks, report=lambda *place: seen.append(place))
    assert seen == [("Evaluating", done, 2) for done in (0, 0, 1, 1, 2)]


def test_a_few_tasks_come_evenly_from_every_group():
    tasks, _ = tasks_of(kitchen=[{}] * 10, hall=[{}] * 4, attic=[{}])
    chosen = [(task.group, task.name) for task in few(tasks, 5)]
    assert chosen == [("kitchen", "0"), ("kitchen", "5"), ("hall", "0"), ("hall", "2"), ("attic", "0")]
    assert few(tasks, 2) == [tasks[0], tasks[10]]
    assert few(tasks, None) == few(tasks, 99) == tasks


def test_every_protocols_columns_and_published_rows_are_its_own():
    for protocol in PROTOCOLS.values():
        columns = set(protocol.columns)
        assert all(set(row) <= columns for row in protocol.published.values())
    places = summarise_placements([{"metres": 0.1, "degrees": None}])
    assert set(PROTOCOLS["7scenes"].columns) == set(PROTOCOLS["cambridge"].columns) == set(places)
    assert mean_figures([{"a": 1.0}, {"a": None}]) == {"a": float("inf")}


def test_the_verb_prints_a_table_writes_json_and_goes_on(tmp_path, run):
    room = tmp_path / "nyu" / "official_splits" / "test" / "bathroom"
    room.mkdir(parents=True)
    Image.new("RGB", (640, 480)).save(room / "rgb_00045.jpg")
    save_millimetres(room / "sync_depth_00045.png", np.full((480, 640), 2.0))
    arguments = ("evaluate", "--protocol", "nyu", "--data", tmp_path / "nyu", "--model", "small")
    code, out, err = run(*arguments, "--json", tmp_path / "out.json")
    assert (code, err) == (0, "")
    assert "NYU Depth v2: monocular depth, %" in out and "(94.09)" in out and "what the paper reports" in out
    written = json.loads((tmp_path / "out.json").read_text())
    assert set(written["rows"]["test"]) == {"absrel", "delta125"} and written["counts"] == {"test": 1}
    assert written["published"] == {"test": {"absrel": 6.5, "delta125": 94.09}}
    assert written["model"].startswith("small@") and (written["examined"], written["of"]) == (1, 1)
    (room / "sync_depth_00045.png").unlink()
    assert log_beside(tmp_path / "out.json").is_file()
    code, out, _ = run(*arguments, "--json", tmp_path / "out.json")
    assert code == 0 and "1 of 1 photos are known from an earlier run" in out
    code, _, err = run(*arguments, "--json", tmp_path / "out.json", "--seed", "1")
    assert code == 2 and "has results of other data, model or settings" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--protocol", "kitti", "--data", "."), "must be one of co3d, re10k, 7scenes, cambridge, nyu, dtu, robustmvd"),
        (("--protocol", "nyu"), "needs --data ROOT"),
        (("--protocol", "nyu", "--data", "nowhere"), "nowhere is no folder"),
        (("--protocol", "nyu", "--data", ".", "--limit", "0"), "--limit must be at least 1"),
        *((("--protocol", name, "--data", "tests/golden"), "tests/golden holds no") for name in PROTOCOLS),
    ],
)
def test_wrong_arguments_are_a_sentence(arguments, sentence, run):
    code, _, err = run("evaluate", *arguments)
    assert code == 2 and sentence in err
