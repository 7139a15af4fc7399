"""The verb `mesh`: files, and the sentence for whatever goes wrong."""

import argparse

import numpy as np
import pytest
from dust3r.cli.verbs.mesh import add_arguments, mesh_arguments, read_mesh
from dust3r.core.meshing.settings import MeshSettings
from dust3r.tests.mesh_scenes import room


@pytest.fixture
def result(tmp_path):
    (tmp_path / "photos").mkdir()
    room(tmp_path / "photos").save(tmp_path / "job" / "result")
    return tmp_path / "job"


def read_ply(path):
    """(vertex records, faces (F, 3)) of a binary PLY."""
    header, _, body = path.read_bytes().partition(b"end_header\n")
    counts = [int(line.split()[2]) for line in header.decode().splitlines() if line.startswith("element")]
    names = [line.split()[1:] for line in header.decode().splitlines() if line.startswith("property")]
    kinds = {"float": "<f4", "uchar": "u1"}
    vertex = np.dtype([(name, kinds[kind]) for kind, name in names[:-1]])
    face = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
    assert names[-1] == ["list", "uchar", "int", "vertex_indices"]
    assert len(body) == counts[0] * vertex.itemsize + counts[1] * face.itemsize
    faces = np.frombuffer(body, face, counts[1], counts[0] * vertex.itemsize)
    return np.frombuffer(body, vertex, counts[0]), faces["corners"]


def test_a_fused_mesh_becomes_a_ply(run, result, tmp_path):
    code, out, _ = run("mesh", result, "--voxel", 0.1, "--output", tmp_path / "room.ply")
    assert code == 0
    vertices, faces = read_ply(tmp_path / "room.ply")
    assert out.splitlines()[-1] == f"1 mesh of {len(faces)} faces -> {tmp_path / 'room.ply'}"
    assert faces.max() == len(vertices) - 1
    assert np.abs(vertices["x"]).max() < 2.1


def test_grid_meshes_become_one_obj_with_the_photos_beside_it(run, result, tmp_path):
    assert run("mesh", result, "--kind", "grid", "--output", tmp_path / "room.obj", "--quiet") == (0, "", "")
    assert {path.name for path in tmp_path.glob("room*")} == {"room.obj", "room.mtl", "room_photos"}
    assert (tmp_path / "room.obj").read_text().count("\no ") == 3


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--output", "a.stl"], "a.stl"),
        (["--output", "there.ply"], "there.ply exists already"),
        (["--voxel", 0], "voxel"),
        (["--max-slope", 95], "max_slope"),
        (["--kind", "cube"], "cube"),
        (["--min-confidence", 99], "minimum confidence of 99"),
        (["--voxel", 1e-5], "give"),
        ([], "--output"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(run, result, tmp_path, monkeypatch, arguments, named):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.ply").write_text("yesterday's")
    output = [] if "--output" in arguments or not arguments else ["--output", "mesh.ply"]
    before = sorted(tmp_path.rglob("*"))
    code, _, err = run("mesh", result, *arguments, *output)
    assert code == 2
    assert named in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_no_result_is_named(run, tmp_path):
    code, _, err = run("mesh", tmp_path, "--output", tmp_path / "a.ply")
    assert (code, tmp_path.name in err) == (2, True)


@pytest.mark.parametrize(
    "settings",
    [MeshSettings(), MeshSettings("grid", 2.5, 70.0, 0.25, 2000, 7, False, 512)],
)
def test_what_the_window_tells_its_worker_is_what_it_was_told(settings):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["job", "--output", "a.npz", *mesh_arguments(settings)]
    assert read_mesh(parser.parse_args(words)) == settings
