"""A job folder remembers: what was worked out once is not worked out again, and an interrupted job goes on."""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.checkpoints import loading
from dust3r.core.errors import Cancelled, InputError
from dust3r.core.inference.array_store import FolderStore
from dust3r.core.jobs import disk_cache as cache
from dust3r.core.jobs import run as worker
from dust3r.core.jobs import warm_start
from dust3r.core.jobs.job import Job, load_result, result_folder
from dust3r.core.networks.dust3r.dust3r import DUSt3R
from dust3r.core.networks.precision import precision_name
from dust3r.core.progress import silent
from dust3r.core.runtime import device
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from dust3r.tests.network_passes import count_passes
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[3]
PHOTOS = tuple(sorted((ROOT / "samples" / "studio" / "images").iterdir()))
SMALL = ROOT / "models" / "small"
SETTINGS = ReconstructionSettings(scene_graph="complete", cameras="network", alignment=AlignmentSettings(iterations=5))


@pytest.fixture
def passes(monkeypatch):
    """How many photos were encoded and how many pairs decoded since the dictionary was cleared."""
    return count_passes(monkeypatch, DUSt3R)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, golden) -> Path:
    """A network of random weights that takes photos 64 pixels wide: what passes cost is counted, and not waited for."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    shutil.copytree(golden / "models" / "tiny_dpt_hf", folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"img_size": [64, 64]}))
    return folder


@pytest.fixture
def run(tmp_path, passes, tiny):
    """Run the job folder with these photos and settings: (result, passes)."""

    def call(photos, settings=SETTINGS, show=lambda progress: None, model=tiny):
        Job(tuple(photos), model, settings).save(tmp_path)
        passes.clear()
        return worker.run_job(tmp_path, show), dict(passes)

    return call


@pytest.fixture
def kept(tmp_path):
    """A cache that several jobs share."""
    return tmp_path / "kept"


@pytest.fixture
def run_anew(tmp_path, passes, kept, tiny):
    """Run a job in a folder of its own, with the shared cache: (result, passes)."""

    def call(photos, settings=SETTINGS, show=lambda progress: None, model=tiny):
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        Job(tuple(photos), model, settings, kept).save(folder)
        passes.clear()
        return worker.run_job(folder, show, cache=kept), dict(passes)

    return call


@pytest.fixture
def given(monkeypatch):
    """What each reconstruction was told of where its photos stood before."""
    told, reconstruct = [], worker.reconstruct
    monkeypatch.setattr(worker, "reconstruct", lambda *arguments: told.append(arguments[5]) or reconstruct(*arguments))
    return told


def _same(a, b):
    fields = ("cam2world", "K", "depth", "confidence", "colors", "mask")
    return all(
        np.array_equal(getattr(x, f), getattr(y, f)) for x, y in zip(a.views, b.views, strict=True) for f in fields
    )


def test_one_more_photo_costs_its_own_passes_alone(run):
    _, first = run(PHOTOS[:4])
    _, more = run(PHOTOS[:5])
    assert first == {"encode": 4, "decode": 12}
    assert more == {"encode": 1, "decode": 8}


def test_one_photo_less_costs_no_pass(run):
    run(PHOTOS[:5])
    result, passes = run([*PHOTOS[:2], *PHOTOS[3:5]])
    assert passes == {}
    assert [view.name for view in result.views] == [PHOTOS[k].name for k in (0, 1, 3, 4)]


def test_another_order_or_name_costs_no_pass(run, tmp_path):
    run(PHOTOS[:3])
    copy = tmp_path / "renamed.jpg"
    copy.write_bytes(PHOTOS[1].read_bytes())
    assert run([PHOTOS[2], copy, PHOTOS[0]])[1] == {}


def test_a_changed_photo_of_the_same_name_is_another(run, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(PHOTOS[1].read_bytes())
    run([PHOTOS[0], photo])
    photo.write_bytes(PHOTOS[2].read_bytes())
    assert run([PHOTOS[0], photo])[1] == {"encode": 1, "decode": 2}


def test_another_model_of_the_same_name_shares_nothing_with_the_first(passes, tiny, tmp_path):
    job, model = tmp_path / "job", tmp_path / "model"
    job.mkdir()
    shutil.copytree(tiny, model)
    Job(PHOTOS[:2], model, SETTINGS).save(job)
    first = worker.run_job(job, lambda progress: None)
    weights = load_file(model / "model.safetensors")
    save_file({name: 1.01 * values for name, values in weights.items()}, model / "model.safetensors")
    passes.clear()
    second = worker.run_job(job, lambda progress: None)
    assert passes == {"encode": 2, "decode": 2}
    assert second.model != first.model
    assert not _same(first, second)


def test_other_alignment_settings_cost_no_pass_and_change_the_result(run):
    first, _ = run(PHOTOS[:3])
    second, passes = run(PHOTOS[:3], replace(SETTINGS, alignment=AlignmentSettings(distance="l2")))
    assert passes == {}
    assert not _same(first, second)


def test_another_confidence_runs_nothing(run, monkeypatch, tmp_path):
    first, _ = run(PHOTOS[:3])
    for name in ("load_model", "reconstruct"):
        monkeypatch.setattr(worker, name, lambda *arguments: pytest.fail("something ran"))
    shown = []
    second, _ = run(PHOTOS[:3], replace(SETTINGS, min_confidence=2.5), shown.append)
    assert _same(first, second)
    assert second.min_confidence == load_result(tmp_path).min_confidence == 2.5
    assert shown[-1].share == 1
    third, _ = run(PHOTOS[:3])
    assert third.min_confidence == first.min_confidence


def test_an_interrupted_job_goes_on_and_ends_as_if_it_had_not_been(run, passes, tmp_path):
    def interrupt(progress):
        if progress.stage == "Predicting pairs" and progress.done > 32:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(PHOTOS, show=interrupt, model=SMALL)
    done = passes["decode"]
    result, rest = run(PHOTOS, model=SMALL)
    assert rest == {"decode": len(PHOTOS) * (len(PHOTOS) - 1) - 32}
    assert done >= 32
    other = tmp_path / "other"
    other.mkdir()
    Job(PHOTOS, SMALL, SETTINGS).save(other)
    assert _same(result, worker.run_job(other, lambda progress: None))


def test_a_job_that_fails_leaves_no_result_of_an_earlier_one(run, tmp_path):
    run(PHOTOS[:2])
    with pytest.raises(InputError):
        run([tmp_path / "gone.jpg"])
    with pytest.raises(InputError):
        load_result(tmp_path)


def test_a_result_that_was_removed_is_made_again_without_a_pass(run, tmp_path):
    first, _ = run(PHOTOS[:3])
    (result_folder(tmp_path) / "arrays.npz").unlink()
    second, passes = run(PHOTOS[:3])
    assert passes == {}
    assert _same(first, second)


def test_a_damaged_cache_is_filled_again(run, tmp_path):
    first, _ = run(PHOTOS[:3])
    for path in (tmp_path / "cache").rglob("*.npy"):
        path.write_bytes(path.read_bytes()[:200])
    (result_folder(tmp_path) / "arrays.npz").unlink()
    (tmp_path / "solution.json").write_text("{")
    second, passes = run(PHOTOS[:3])
    assert passes == {"encode": 3, "decode": 6}
    assert _same(first, second)


def test_tokens_of_another_shape_are_worked_out_again(run, tmp_path):
    first, _ = run(PHOTOS[:2])
    for path in (tmp_path / "cache").rglob("encoded/*.npy"):
        FolderStore(path.parents[1]).put("encoded", path.stem, np.zeros((1, 7, 3), np.float32))
    for path in (tmp_path / "cache").rglob("graph/*.npy"):
        FolderStore(path.parents[1]).put("graph", path.stem, np.zeros(3, "S32"))
    second, passes = run(PHOTOS[:3], replace(SETTINGS, scene_graph="auto"))
    assert passes["encode"] == 3
    assert first.views[0].name == second.views[0].name


@pytest.mark.parametrize("earlier_runs", [0, 1])
def test_a_run_reads_the_weights_once_for_their_digest(run, monkeypatch, earlier_runs):
    for _ in range(earlier_runs):
        run(PHOTOS[:2])
    read, digest = [], warm_start.file_digest
    for module in (warm_start, loading):
        monkeypatch.setattr(module, "file_digest", lambda path: read.append(path.name) or digest(path))
    run(PHOTOS[:2])
    assert read.count("model.safetensors") == 1


def test_the_next_alignment_begins_where_the_photos_stood(run, given):
    first, _ = run(PHOTOS[:4])
    run([*PHOTOS[1:4], PHOTOS[5]])
    assert given[0] == {}
    assert set(given[1]) == set(PHOTOS[1:4])
    for view in first.views[1:]:
        np.testing.assert_array_equal(given[1][view.path].cam2world, view.cam2world)
        assert given[1][view.path].depth == np.median(view.depth)


def test_other_alignment_settings_begin_anew(run, given):
    run(PHOTOS[:3])
    run(PHOTOS[:3], replace(SETTINGS, alignment=AlignmentSettings(shared_focal="size")))
    assert given == [{}, {}]


def test_with_a_shared_cache_one_more_photo_costs_its_own_passes_in_a_new_job_too(run_anew, kept):
    assert run_anew(PHOTOS[:4])[1] == {"encode": 4, "decode": 12}
    assert run_anew(PHOTOS[:5])[1] == {"encode": 1, "decode": 8}
    assert run_anew(PHOTOS[:4])[1] == {}
    assert not list(kept.parent.glob("*/cache"))


def test_with_a_shared_cache_other_alignment_settings_cost_no_pass_and_the_same_end_the_same(run_anew):
    first, _ = run_anew(PHOTOS[:3])
    second, passes = run_anew(PHOTOS[:3], replace(SETTINGS, alignment=AlignmentSettings(distance="l2")))
    assert passes == {}
    assert not _same(first, second)
    assert _same(first, run_anew(PHOTOS[:3])[0])


def test_other_photos_in_between_do_not_make_a_cache_forget_a_graph(run_anew):
    automatic = replace(SETTINGS, scene_graph="auto")
    first, _ = run_anew(PHOTOS[:4], automatic, model=SMALL)
    run_anew(PHOTOS[4:6], automatic, model=SMALL)
    again, passes = run_anew(PHOTOS[:4], automatic, model=SMALL)
    assert passes == {}
    assert _same(first, again)
    _, more = run_anew(PHOTOS[:5], automatic, model=SMALL)
    assert more["decode"] <= 8
    assert "encode" not in more


def test_nothing_is_pruned_under_a_running_job(run_anew, kept):
    sizes = []

    def prune(progress):
        before = cache.size(kept)
        cache.prune(kept, 0)
        sizes.append((before, cache.size(kept)))

    run_anew(PHOTOS[:2], show=prune)
    assert sizes[-1][0] > 0
    assert all(before == after for before, after in sizes)
    cache.prune(kept, 0)
    assert cache.size(kept) == 0


def test_a_cache_that_is_too_small_spares_what_every_pair_needs(run_anew, kept):
    run_anew(PHOTOS[:3])
    dense = sum(path.stat().st_size for path in kept.rglob("dense/*.npy"))
    cache.prune(kept, cache.size(kept) - dense)
    assert not list(kept.rglob("dense/*.npy"))
    assert len(list(kept.rglob("encoded/*.npy"))) == 3
    assert run_anew(PHOTOS[:3])[1] == {"decode": 6}


def test_what_was_used_lately_outlives_what_was_made_lately(run_anew, kept):
    run_anew(PHOTOS[:3])
    size = cache.size(kept)
    run_anew(PHOTOS[3:6])
    run_anew(PHOTOS[:3])
    cache.prune(kept, size)
    assert run_anew(PHOTOS[:3])[1] == {}


def test_a_cache_that_cannot_be_made_is_one_sentence(run_anew, kept):
    kept.write_text("a file")
    with pytest.raises(InputError, match="Cache Size"):
        run_anew(PHOTOS[:2])


@pytest.mark.parametrize("first", ["float32", "half"])
def test_a_shared_cache_stays_with_the_precision_that_its_first_job_settled_on(kept, tmp_path, monkeypatch, first):
    monkeypatch.setattr(device, "computes_in", lambda precision, on: True)
    for settles_on in (first, "half", "float32"):
        monkeypatch.setattr(worker, "settled_precision", lambda settings, settled=settles_on: settled)
        model, store = worker._load(tmp_path, Job(PHOTOS[:2], SMALL, SETTINGS, kept), silent)
        store.folder.mkdir(parents=True, exist_ok=True)
        assert store.folder.name == first
        assert (precision_name(model.network) == "float32") == (first == "float32")


@pytest.mark.parametrize(("possible", "used"), [(True, "bfloat16"), (False, "float32")])
def test_predictions_are_kept_by_the_precision_that_they_are_really_in(tmp_path, monkeypatch, caplog, possible, used):
    monkeypatch.setattr(device, "computes_in", lambda precision, on: possible)
    settings = replace(SETTINGS, device="cpu", precision="half")
    model, store = worker._load(tmp_path, Job(PHOTOS[:2], SMALL, settings), silent)
    assert precision_name(model.network) == used
    assert store.folder.name == ("half" if possible else "float32")
    assert ("cannot compute in half precision" in caplog.text) != possible


def test_a_cache_begun_in_half_precision_serves_a_machine_that_has_none(kept, tmp_path, monkeypatch):
    for possible in (True, False):
        monkeypatch.setattr(device, "computes_in", lambda precision, on, possible=possible: possible)
        monkeypatch.setattr(worker, "settled_precision", lambda settings: "half")
        model, store = worker._load(tmp_path, Job(PHOTOS[:2], SMALL, SETTINGS, kept), silent)
        store.folder.mkdir(parents=True, exist_ok=True)
    assert precision_name(model.network) == store.folder.name == "float32"


def test_float32_in_place_of_half_precision_is_said_with_the_result_and_again(run, monkeypatch):
    monkeypatch.setattr(device, "computes_in", lambda precision, on: False)
    settings = replace(SETTINGS, device="cpu", precision="half")
    for expected in ({"encode": 2, "decode": 2}, {}):
        result, passes = run(PHOTOS[:2], settings)
        assert passes == expected
        assert sum("cannot compute in half precision" in warning for warning in result.warnings) == 1
