"""Damaged and hostile job folders, results and posed folders: what is read is sound, or refused in one sentence.

What must hold for every one of them is asserted by `assert_read_safely`.
"""

import io
import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.cameras.posed_images import read_depth, read_posed_photos, save_depth
from dust3r.core.errors import InputError, ReconstructionError
from dust3r.core.flaws import FLAWS
from dust3r.core.images.reader import find_photos
from dust3r.core.inference.array_store import FolderStore
from dust3r.core.inference.pairs_npz import read_pairs
from dust3r.core.jobs.job import Job, cache_folder, find_result, log_file, result_folder, with_cache
from dust3r.core.jobs.messages import decode
from dust3r.core.jobs.warm_start import Inputs, Solution, weights_digest
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.scene_graph.edges import make_edges
from dust3r.core.settings import ReconstructionSettings
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction
from dust3r.tests.faults.mutations import altered, changes, damaged, edits, tried
from dust3r.tests.faults.watch import assert_read_safely
from hypothesis import given
from hypothesis import strategies as st

MOST_MEMORY = 256 << 20  # bytes; the files here have a few kB
PHOTO = SHOTS[0].name


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A posed folder that is a finished job's too, as it should be."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "images").mkdir()
    result = make_reconstruction(folder / "images", SHOTS[:2])
    result.save(folder / "result")
    result.save_cameras(folder / "cameras.json")
    job = Job(tuple(view.path for view in result.views), folder / "model", ReconstructionSettings())
    job.save(folder)
    Solution.of(result, Inputs.of(job), job).save(folder)
    (folder / "depth").mkdir()
    save_depth(folder / "depth" / "landscape.npz", result.views[0].depth)
    return folder


@pytest.fixture(scope="module")
def folder(sound, tmp_path_factory) -> Path:
    """A copy that every example spoils and `_with` repairs."""
    return Path(shutil.copytree(sound, tmp_path_factory.mktemp("faults") / "job"))


def _with(sound: Path, folder: Path, name: str, content: bytes) -> None:
    for file in ("job.json", "solution.json", "cameras.json", "result/reconstruction.json", "result/arrays.npz"):
        shutil.copyfile(sound / file, folder / file)
    (folder / name).write_bytes(content)


def _dumped(tree: object) -> bytes:
    return json.dumps(tree).encode("utf-8", "surrogatepass")


def _read_job(folder: Path) -> None:
    """As far as a run goes before it loads the model."""
    job = Job.load(folder)
    make_edges(max(1, len(job.photos)), job.settings.scene_graph, job.settings.symmetrize)
    find_photos(job.photos)
    inputs, last = Inputs.of(job), Solution.load(folder)
    inputs.fingerprint(job)
    for place in (last.warm_start(inputs, job) if last is not None else {}).values():
        assert np.isfinite(place.cam2world).all() and place.depth > 0


def _read_result(folder: Path) -> Reconstruction:
    """All that the scene, the exports and the evaluation ask of a result."""
    result = find_result(folder)
    json.dumps(result.cameras(), allow_nan=False)
    cloud = result.visible_points()
    assert np.isfinite(cloud.position).all() and np.isfinite(cloud.confidence).all()
    assert all(".." not in Path(view.name).parts and not Path(view.name).is_absolute() for view in result.views)
    return result


def _read_posed(folder: Path) -> None:
    for photo in read_posed_photos(folder):
        assert np.isfinite(photo.K).all() and np.isfinite(photo.cam2world).all() and min(photo.size) > 0
        assert photo.path.resolve().is_relative_to(folder.resolve())
        if photo.depth is not None:
            assert np.isfinite(read_depth(photo.depth)).all()


READERS = {
    "job.json": _read_job,
    "solution.json": _read_job,
    "cameras.json": _read_posed,
    "result/reconstruction.json": _read_result,
}


@tried(400, 50)
@given(st.sampled_from(sorted(READERS)), changes)
def test_a_file_that_says_something_else(sound, folder, name, what):
    tree = altered(json.loads((sound / name).read_text()), what)
    _with(sound, folder, name, _dumped(tree))
    assert_read_safely(name, folder, lambda: READERS[name](folder), MOST_MEMORY)


@tried(200, 25)
@given(st.sampled_from(sorted(READERS)), edits)
def test_a_file_with_damaged_bytes(sound, folder, name, damage):
    _with(sound, folder, name, damaged((sound / name).read_bytes(), damage))
    assert_read_safely(name, folder, lambda: READERS[name](folder), MOST_MEMORY)


@tried(200, 25)
@given(edits)
def test_damaged_arrays(sound, folder, damage):
    _with(sound, folder, "result/arrays.npz", damaged((sound / "result/arrays.npz").read_bytes(), damage))
    assert_read_safely("result/arrays.npz", folder, lambda: _read_result(folder), MOST_MEMORY)


ODD_ENTRIES = {
    "no photo": lambda head: head["views"].clear(),
    "a component beyond all numbers": lambda head: head["views"][0].update(component=10**30),
    "network pixels of no size": lambda head: head["views"][0]["mapping"].update(scale=[1e-300, 1e-300]),
}


@pytest.mark.parametrize("change", ODD_ENTRIES.values(), ids=ODD_ENTRIES)
def test_results_that_nothing_can_be_made_of_are_refused(sound, folder, change):
    head = json.loads((sound / "result/reconstruction.json").read_text())
    change(head)
    _with(sound, folder, "result/reconstruction.json", _dumped(head))
    assert isinstance(assert_read_safely("entries", folder, lambda: find_result(folder), MOST_MEMORY), InputError)


@pytest.mark.skipif(os.name == "nt", reason="how long names may be is another question there")
@pytest.mark.parametrize("entry", ["photos", "model", "cache"])
@pytest.mark.parametrize("name", ["/tmp/" + "x" * 300, "/x" * 3000], ids=["name", "path"])
def test_a_job_of_names_that_no_disk_takes_is_refused(sound, tmp_path, entry, name):
    job = Path(shutil.copytree(sound, tmp_path / "job"))
    _set(job / "job.json", **{entry: [name] if entry == "photos" else name})
    refusal = assert_read_safely("names", job, lambda: Job.load(job), MOST_MEMORY)
    assert isinstance(refusal, InputError) and "too long" in str(refusal)


def test_a_result_whose_confidence_is_none_is_refused(sound, folder):
    with np.load(sound / "result" / "arrays.npz") as file:
        arrays = {name: file[name] for name in file.files}
    stream = io.BytesIO()
    np.savez(stream, **(arrays | {"0.confidence": np.zeros_like(arrays["0.confidence"])}))
    _with(sound, folder, "result/arrays.npz", stream.getvalue())
    refusal = assert_read_safely("result/arrays.npz", folder, lambda: find_result(folder), MOST_MEMORY)
    assert isinstance(refusal, InputError) and "above 0" in str(refusal)


def test_a_model_of_an_impossible_name_has_no_weights(tmp_path):
    assert weights_digest(tmp_path / ("m" * 300)) == ""


ODD_ARRAYS = {
    "nan": np.full((64, 96), np.nan),
    "infinite": np.full((64, 96), np.inf, np.float32),
    "zero": np.zeros((64, 96), np.float32),
    "negative": np.full((64, 96), -1, np.float32),
    "empty": np.zeros((0, 0), np.float32),
    "one": np.float32(1),
    "flat": np.ones(64 * 96, np.float32),
    "other shape": np.ones((3, 3), np.float32),
    "complex": np.ones((64, 96), np.complex64),
    "texts": np.full((64, 96), "x"),
    "records": np.zeros((64, 96), [("a", "f4")]),
    "objects": np.full((3, 3), None),
    "singular": np.zeros((4, 4)),
    "mirrored": np.diag([1.0, 1, -1, 1]),
    "nan pose": np.full((4, 4), np.nan),
    "no focal": np.diag([0.0, 0, 1]),
    "no last row": np.diag([100.0, 100, 0]),
    "half": np.diag([100, 100, 1]).astype(np.float16),
}


@pytest.mark.parametrize("key", ["K", "cam2world", "depth", "confidence", "colors", "mask"])
@pytest.mark.parametrize("kind", ODD_ARRAYS)
def test_arrays_of_something_else(sound, folder, key, kind):
    with np.load(sound / "result" / "arrays.npz") as file:
        arrays = {name: file[name] for name in file.files}
    stream = io.BytesIO()
    np.savez(stream, **(arrays | {f"0.{key}": ODD_ARRAYS[kind]}))
    _with(sound, folder, "result/arrays.npz", stream.getvalue())
    found = assert_read_safely("result/arrays.npz", folder, lambda: _read_result(folder), MOST_MEMORY)
    assert not isinstance(found, Reconstruction) or np.linalg.inv(found.views[0].K).dtype == np.float64


@pytest.fixture(scope="module")
def swelling() -> bytes:
    """An archive of arrays that are 3 GB of zeros, and say that they are 51 GB."""
    stream = io.BytesIO()
    header = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (65536, 65536), }".ljust(
        117
    )
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for key in ("depth", "0.depth", "0.K"):
            with archive.open(f"{key}.npy", "w", force_zip64=True) as file:
                file.write(header + b"\n")
                for _ in range(64):
                    file.write(bytes(1 << 24))
    return stream.getvalue()


@pytest.mark.parametrize("name", ["result/arrays.npz", "depth/landscape.npz"])
def test_arrays_that_swell_are_refused_before_they_do(sound, folder, swelling, name):
    kept = (sound / name).read_bytes()
    _with(sound, folder, name, swelling)
    read = _read_posed if name.startswith("depth") else _read_result
    try:
        assert isinstance(assert_read_safely("swelling", folder, lambda: read(folder), MOST_MEMORY), InputError)
    finally:
        (folder / name).write_bytes(kept)


@tried(100, 15)
@given(edits)
def test_a_damaged_array_of_the_cache_counts_as_missing(folder, damage):
    store = FolderStore(folder / "shelf")
    put = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    store.put("kind", "name", put)
    path = folder / "shelf" / "kind" / "name.npy"
    path.write_bytes(damaged(path.read_bytes(), damage))
    fresh = FolderStore(folder / "shelf")
    found = assert_read_safely("cache", folder, lambda: fresh.get("kind", "name"), MOST_MEMORY)
    assert found is None or np.array_equal(found, put)


@tried(200, 25)
@given(changes, st.one_of(st.none(), edits))
def test_a_worker_that_says_something_else(folder, what, damage):
    sentence = {"protocol": 2, "kind": "ProgressMessage", "stage": "x", "done": 1, "total": 2, "share": 0.5}
    line = _dumped(altered(sentence | {"seconds_left": 3.0}, what))
    text = (damaged(line, damage) if damage else line).decode("utf-8", "replace")
    message = assert_read_safely("messages", folder, lambda: decode(text), MOST_MEMORY)
    assert isinstance(message, ReconstructionError) or f"{message.done} {message.total} {message.share:.2f}"


OUTSIDE = ["../outside.png", "/etc/hostname", "a/../../outside.png", "..", "images/../../outside.png"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_out_of_a_posed_folder_are_refused(sound, folder, name):
    shutil.copyfile(folder / "images" / PHOTO, folder.parent / "outside.png")
    tree = json.loads((sound / "cameras.json").read_text())
    tree["photos"][name] = tree["photos"].pop(PHOTO)
    _with(sound, folder, "cameras.json", _dumped(tree))
    refusal = assert_read_safely("names", folder, lambda: _read_posed(folder), MOST_MEMORY)
    assert isinstance(refusal, InputError) and name in str(refusal)


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_out_of_a_result_are_refused(sound, folder, name):
    tree = json.loads((sound / "result/reconstruction.json").read_text())
    tree["views"][0]["name"] = name
    _with(sound, folder, "result/reconstruction.json", _dumped(tree))
    assert isinstance(assert_read_safely("names", folder, lambda: _read_result(folder), MOST_MEMORY), InputError)


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes in folders")
@pytest.mark.parametrize(
    "name", ["job.json", "solution.json", "log.txt", "result/reconstruction.json", "result/arrays.npz", "cache"]
)
def test_a_pipe_in_place_of_a_file_is_waited_for_by_nobody(sound, tmp_path, name):
    job = Path(shutil.copytree(sound, tmp_path / "job"))
    (job / name).unlink(missing_ok=True)
    os.mkfifo(job / name)
    from dust3r.core.jobs.run import run_job

    for read in (lambda: run_job(job, lambda progress: None), lambda: Solution.load(job), lambda: _read_result(job)):
        assert_read_safely("pipes", job, read, MOST_MEMORY)


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes in folders")
def test_a_pipe_is_no_file_of_pairs(tmp_path):
    os.mkfifo(tmp_path / "pairs.npz")
    refusal = assert_read_safely("pipes", tmp_path, lambda: read_pairs(tmp_path / "pairs.npz"), MOST_MEMORY)
    assert isinstance(refusal, InputError) and "pairs.npz" in str(refusal)


@pytest.mark.skipif(os.name == "nt", reason="sparse files need rights there")
@pytest.mark.parametrize("name", ["job.json", "solution.json", "result/reconstruction.json", "result/arrays.npz"])
def test_an_endless_file_is_not_read_to_its_end(sound, tmp_path, name):
    job = Path(shutil.copytree(sound, tmp_path / "job"))
    with (job / name).open("wb") as file:
        file.truncate(60 << 30)
    assert_read_safely("endless", job, lambda: (Solution.load(job), Job.load(job)), MOST_MEMORY)
    assert_read_safely("endless", job, lambda: _read_result(job), MOST_MEMORY)


ELSEWHERE = {
    "a folder": lambda job, elsewhere: elsewhere / "cache",
    "through a link": lambda job, elsewhere: job / "mine" / "cache",
    "with dots": lambda job, elsewhere: job / ".." / "elsewhere" / "cache",
    "relative": lambda job, elsewhere: Path(os.path.relpath(elsewhere)) / "cache",
    "in a circle": lambda job, elsewhere: elsewhere / "circle" / "cache",
}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_cache_that_a_job_names_elsewhere_is_not_made(sound, tmp_path, place):
    job, elsewhere = Path(shutil.copytree(sound, tmp_path / "job")), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (job / "mine").symlink_to(elsewhere)
    (elsewhere / "circle").symlink_to(elsewhere / "circle")
    before = sorted(elsewhere.iterdir())
    _set(job / "job.json", cache=str(place(job, elsewhere)))
    from dust3r.core.jobs.run import run_job

    refusal = assert_read_safely("caches", job, lambda: run_job(job, lambda progress: None), MOST_MEMORY)
    assert isinstance(refusal, InputError) and "--cache" in str(refusal)
    assert sorted(elsewhere.iterdir()) == before
    named = with_cache(Job.load(job), job, tmp_path / "own")
    assert named.cache == tmp_path / "own"


def test_a_cache_inside_of_the_job_folder_is_used_whatever_is_named(sound, tmp_path):
    job = Path(shutil.copytree(sound, tmp_path / "job"))
    _set(job / "job.json", cache=str(job / "kept"))
    assert with_cache(Job.load(job), job, tmp_path / "own").cache == job / "kept"
    _set(job / "job.json", cache=None)
    assert with_cache(Job.load(job), job, tmp_path / "own").cache is None


def _set(path: Path, **entries: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


READING = {
    "world": ["--scale", "2"],
    "clean": [],
    "report": [],
    "mesh": ["--output", "mesh.ply"],
    "export": ["--format", "ply", "--output", "exported"],
    "import": ["--points", "points.ply"],
}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("verb", READING)
def test_no_verb_follows_a_linked_result(sound, tmp_path, run, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(sound, "job")
    shutil.move("job/result", "elsewhere")
    Path("job/result").symlink_to(tmp_path / "elsewhere")
    before = {path.name: path.read_bytes() for path in Path("elsewhere").iterdir()}
    code, _, error = run(verb, "job", *READING[verb])
    assert code == 2 and "is a link to elsewhere" in error
    assert {path.name: path.read_bytes() for path in Path("elsewhere").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "job"]


@pytest.mark.parametrize("verb", ["import", "export"])
@pytest.mark.parametrize(("entries", "sentence"), [({"min_confidence": 1e9}, "the highest is "), ({}, None)])
def test_a_cloud_without_a_point_is_not_written(sound, tmp_path, run, monkeypatch, verb, entries, sentence):
    monkeypatch.chdir(tmp_path)
    job = Path(shutil.copytree(sound, "job"))
    head = json.loads((job / "result/reconstruction.json").read_text())
    head["settings"] |= entries
    (job / "result/reconstruction.json").write_text(json.dumps(head))
    code, _, error = run(verb, job, *READING[verb])
    assert code == (2 if sentence else 0), error
    assert not sentence or (sentence in error and not list(tmp_path.rglob("*.ply")))


def test_a_reconstruction_says_what_hides_all_its_points(sound):
    result = find_result(sound)
    result.check_shown()
    flawed = tuple(replace(view, flaws=np.full_like(view.mask, 1, np.uint8)) for view in result.views)
    hidden = replace(result, views=flawed).with_settings(hide=(next(iter(FLAWS)),))
    with pytest.raises(InputError, match=f"all are {next(iter(FLAWS))}; hide fewer"):
        hidden.check_shown()
    highest = max(view.confidence[view.kept()].max() for view in result.views)
    with pytest.raises(InputError, match=f"the highest is {highest:.4g}"):
        result.with_settings(min_confidence=float(highest) * 1.01).check_shown()


LINKS = {
    "log.txt": log_file,
    "result": result_folder,
    "cache": cache_folder,
    "solution.json": lambda folder: folder / "solution.json",
    "job.json": lambda folder: folder / "job.json",
    "inside the cache": lambda folder: folder / "cache" / "model",
}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("name", LINKS)
def test_a_job_folder_that_links_to_elsewhere_is_not_run(sound, tmp_path, name):
    job, elsewhere = tmp_path / "job", tmp_path / "elsewhere"
    job.mkdir()
    elsewhere.mkdir()
    shutil.copyfile(sound / "job.json", job / "job.json")
    shutil.copyfile(sound / "job.json", elsewhere / "job.json")
    link = LINKS[name](job)
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(elsewhere / "job.json" if link.suffix else elsewhere)
    from dust3r.core.jobs.run import run_job

    refusal = assert_read_safely("links", job, lambda: run_job(job, lambda progress: None), MOST_MEMORY)
    assert isinstance(refusal, InputError) and "link" in str(refusal)
    assert [path.name for path in elsewhere.iterdir()] == ["job.json"]
    assert (elsewhere / "job.json").read_bytes() == (sound / "job.json").read_bytes()
