"""The verb `report`."""

import json
from dataclasses import replace

import pytest
from dust3r.core.jobs.messages import ErrorMessage, ResultMessage, decode
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.tests.core.quality.test_statistics import of, walls


@pytest.fixture
def folder(tmp_path):
    """A finished job of which one photo looks elsewhere."""
    whole = of(walls((0, 0.1, 0.2, 30), (1, 1, 1, 1)))
    Reconstruction(whole.views, "synthetic@0", whole.settings, "0.1.0", ("It rained",)).save(tmp_path / "result")
    return tmp_path


def test_the_figures_and_the_weakest_photos_are_said_in_words(run, folder):
    code, out, _ = run("report", folder)
    assert code == 0
    assert "4 of 4 photos connected" in out and "Photos agree to 0.0 px" in out
    assert "  3.png: other photos show only 0% of what it shows" in out and "0.png:" not in out
    assert "Warning: It rained" in out


def test_json_says_every_photos_figures(run, folder):
    code, out, _ = run("report", folder / "result", "--json")
    found = json.loads(out)
    assert code == 0
    assert [photo["name"] for photo in found["photos"]] == ["0.png", "1.png", "2.png", "3.png"]
    assert found["placed"] == 4 and found["warnings"] == ["It rained"] and found["model"] == "synthetic@0"


@pytest.fixture
def rough(tmp_path):
    """The same of a network that was trained on synthetic scenes, with focals from everywhere."""
    whole = of(walls((0, 0.1, 0.2, 0.3), (1, 1, 1, 1)))
    sources = ("known", "exif", "network", "network")
    views = tuple(replace(view, focal_source=source) for view, source in zip(whole.views, sources, strict=True))
    replace(whole, views=views, synthetic=True).save(tmp_path / "result")
    return tmp_path


def test_a_result_of_a_network_trained_on_synthetic_scenes_says_so_at_the_end_and_what_is_a_guess(run, rough):
    said = ["rough: this network was trained on synthetic scenes", "The focal length of 2 of 4 photos is a guess"]
    lines = run("report", rough)[1].splitlines()
    assert lines[-2:] == said and any(line.startswith("Cameras: bad, the photos agree on 0 of 4") for line in lines)


def test_a_result_of_another_network_says_nothing_of_the_kind(run, folder):
    _, out, _ = run("report", folder)
    assert "rough" not in out and "guess" not in out
    found = json.loads(run("report", folder, "--json")[1])
    assert found["synthetic"] is False and {photo["focal_source"] for photo in found["photos"]} == {"network"}


def test_json_says_where_every_focal_comes_from(run, rough):
    found = json.loads(run("report", rough, "--json")[1])
    assert found["synthetic"] is True and found["verdict"]["word"] == "bad"
    assert [photo["focal_source"] for photo in found["photos"]] == ["known", "exif", "network", "network"]
    assert [photo["focal"] for photo in found["photos"]] == [64.0] * 4


def test_escape_codes_in_names_and_warnings_of_a_result_do_not_reach_the_terminal(run, folder):
    head = folder / "result" / "reconstruction.json"
    content = json.loads(head.read_text())
    content["views"][3]["name"] = "3\x1b[2J\n.png"
    content["warnings"], content["model"] = ["It \x9b31mrained"], "m\x1b[1m"
    head.write_text(json.dumps(content))
    code, out, _ = run("report", folder)
    assert code == 0 and "  3\\x1b[2J\\n.png: other photos" in out and "Warning: It \\x9b31mrained" in out
    _, _, err = run("match", "x\x1b[2J", "--job", folder)
    _, json_out, json_err = run("match", "x\x1b[2J", "--job", folder, "--json-progress")
    told = decode(json_out)
    assert isinstance(told, ErrorMessage) and "\x1b" not in told.text
    assert "x\\x1b[2J" in err and "x\\x1b[2J" in json_err
    assert not any(code in said for code in "\x1b\x9b" for said in (out, err, json_out, json_err))


def test_a_program_is_told_where(run, folder):
    assert decode(run("report", folder, "--json-progress")[1].strip()) == ResultMessage(str(folder))


def test_a_folder_without_a_result_is_refused_with_a_sentence(run, tmp_path):
    code, _, err = run("report", tmp_path)
    assert code == 2 and "no complete reconstruction" in err
