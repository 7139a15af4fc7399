"""What a run writes costs nobody a file."""

import json
import os

import numpy as np
import pytest
from dust3r.cli.outputs import CAMERAS, FIGURES, MATCHES, PICTURE, POINTS, PREDICTED, RAW_MATCHES, SCENE, check_outputs
from dust3r.core.errors import InputError
from PIL import Image


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    Image.new("RGB", (4, 4)).save(path)
    return path


@pytest.fixture
def cameras(tmp_path):
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps({"photos": {}}))
    return path


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("way", ["name", "hard link", "folder"])
def test_an_input_is_never_replaced(photo, tmp_path, way, overwrite):
    output, read = photo, photo
    if way == "hard link":
        output = tmp_path / "other.png"
        os.link(photo, output)
    elif way == "folder":
        read = photo.parent
    content = photo.read_bytes()
    with pytest.raises(InputError, match=r"which this run reads|is read by this run"):
        check_outputs([(output, PICTURE)], [read], overwrite)
    assert photo.read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_an_input_behind_a_linked_folder_is_never_replaced(photo, tmp_path):
    (tmp_path / "linked").symlink_to(photo.parent)
    with pytest.raises(InputError, match="belongs to"):
        check_outputs([(tmp_path / "linked" / "a.png", PICTURE)], [photo.parent], True)


def test_beside_the_inputs_an_earlier_output_is_replaced_and_nothing_else(photo):
    folder = photo.parent
    earlier, foreign = folder / "points.ply", folder / "notes.txt"
    earlier.write_bytes(b"ply\nformat ascii 1.0\n")
    foreign.write_text("notes")
    check_outputs([(earlier, POINTS), (folder / "new.json", CAMERAS)], [folder])
    with pytest.raises(InputError, match=r"notes\.txt belongs to"):
        check_outputs([(foreign, POINTS)], [folder], overwrite=True)


@pytest.mark.parametrize("name", ["job.json", "log.txt", "result/arrays.npz"])
def test_a_file_of_a_job_is_no_output(tmp_path, name):
    with pytest.raises(InputError, match="belongs to the job"):
        check_outputs([(tmp_path / name, CAMERAS)], [], overwrite=True, job=tmp_path)
    (tmp_path / "job.json").write_text("{}")
    with pytest.raises(InputError, match="belongs to"):
        check_outputs([(tmp_path / name, CAMERAS)], [tmp_path], overwrite=True)


@pytest.mark.parametrize("second", ["out.ply", "OUT.ply", "folder/../out.ply"])
def test_no_two_outputs_are_one_file(tmp_path, second):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="written twice"):
        check_outputs([(tmp_path / "out.ply", CAMERAS), (tmp_path / second, POINTS)], [])
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_output_is_not_the_folder_of_another(tmp_path):
    with pytest.raises(InputError, match="it is a folder"):
        check_outputs([(tmp_path / "out", CAMERAS), (tmp_path / "out" / "points.ply", POINTS)], [])


def test_a_file_of_the_kind_that_is_written_is_replaced(tmp_path, cameras):
    figures, points, pair, empty = (tmp_path / name for name in ("figures.json", "points.ply", "pair.npz", "empty"))
    figures.write_text('{"model": "small"}')
    points.write_bytes(b"ply\nformat")
    np.savez(pair, points_i=np.zeros(3))
    empty.touch()
    (tmp_path / "matches.csv").write_text("photo_a,photo_b,x_a\n")
    (tmp_path / "matches.txt").write_text("a.jpg b.jpg\n0 1\n")
    outputs = [(cameras, CAMERAS), (figures, FIGURES), (points, POINTS), (pair, PREDICTED), (empty, PICTURE)]
    outputs += [(tmp_path / "matches.csv", MATCHES), (tmp_path / "matches.txt", RAW_MATCHES)]
    check_outputs(outputs, [])


@pytest.mark.parametrize(
    "kind", [CAMERAS, FIGURES, POINTS, PICTURE, PREDICTED, MATCHES, RAW_MATCHES], ids=lambda k: k.title
)
@pytest.mark.parametrize("content", [b"precious", b'{"photos": []}', b"PK\x03\x04", b"\xff\xfe\0", b"[" * 10_000])
def test_a_file_of_another_kind_is_replaced_only_when_told(tmp_path, kind, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"exists and is not {kind.title}; give --overwrite"):
        check_outputs([(path, kind)], [])
    check_outputs([(path, kind)], [], overwrite=True)
    assert path.read_bytes() == content


def test_a_scene_is_replaced_only_when_told(tmp_path):
    scene = tmp_path / "scene.blend"
    scene.write_bytes(b"BLENDER-v405")
    with pytest.raises(InputError, match="give --overwrite"):
        check_outputs([(scene, SCENE)], [])
    check_outputs([(scene, SCENE)], [], overwrite=True)
