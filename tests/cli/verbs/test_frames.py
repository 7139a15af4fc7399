"""Movies and long sequences on the command line: which photos are taken, and what is said where none can be."""

import json
import sys

import pytest
from dust3r.tests.conftest import ROOT
from dust3r.tests.moving_picture import write_photos

SMALL = ROOT / "models" / "small"
STUDIO = ROOT / "samples" / "studio" / "images"


@pytest.fixture
def sequence(tmp_path):
    """A folder of photos of a camera that stands still and then moves."""
    folder = tmp_path / "sequence"
    folder.mkdir()
    return write_photos(folder, [0] * 10 + list(range(0, 200, 20)))


def test_keyframes_writes_the_names_of_the_chosen(run, sequence, tmp_path):
    chosen = tmp_path / "chosen.txt"
    code, _, said = run("keyframes", sequence[0].parent, "--frames", "auto:4", "--output", chosen)
    assert code == 0, said
    names = chosen.read_text().splitlines()
    assert len(names) == 4 and names == sorted(names)
    assert sum(str(photo) in names for photo in sequence[:10]) <= 1


def test_keyframes_takes_a_list_of_photos_in_its_order(run, sequence, tmp_path):
    listed, chosen = tmp_path / "list.txt", tmp_path / "chosen.txt"
    listed.write_text("\n".join(str(photo) for photo in sequence[::-1]), encoding="utf-8")
    assert run("keyframes", "--list", listed, "--frames", "every:8", "--output", chosen)[0] == 0
    assert chosen.read_text().splitlines() == [str(sequence[k]) for k in (19, 11, 3)]


def test_reconstruct_takes_every_nth_photo(run, tmp_path):
    cameras = tmp_path / "cameras.json"
    more = ("--model", SMALL, "--iterations", 0, "--frames", "every:4", "--cameras-from", "network")
    assert run("reconstruct", STUDIO, *more, "--cameras", cameras)[0] == 0
    assert list(json.loads(cameras.read_text())["photos"]) == ["studio_01.jpg", "studio_05.jpg"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("keyframes", "--output", "OUT"), "No photos were given"),
        (("keyframes", "--list", "gone.txt", "--output", "OUT"), "gone.txt is no list"),
        (("keyframes", STUDIO, "--frames", "often", "--output", "OUT"), "'often' is no choice of frames"),
        (("frames", "gone.mp4", "--output", "OUT"), "gone.mp4 does not exist"),
        (("reconstruct", "gone.mp4", "--cameras", "OUT"), "gone.mp4 does not exist"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(run, tmp_path, arguments, sentence):
    code, _, said = run(*(tmp_path / "out.json" if argument == "OUT" else argument for argument in arguments))
    assert code == 2
    assert sentence in said and len(said.strip().splitlines()) == 1


def test_without_blender_a_movie_is_refused_with_what_it_needs(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bpy", None)
    (tmp_path / "clip.mp4").write_bytes(b"x")
    code, _, said = run("frames", tmp_path / "clip.mp4", "--output", tmp_path / "frames")
    assert code == 2 and "needs Blender's Python module" in said
