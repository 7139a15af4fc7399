"""Known cameras and masks on the command line: kept to the last bit, and worked out again only where they act."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.jobs import run as worker
from dust3r.core.jobs.job import load_result
from dust3r.core.networks.dust3r.dust3r import DUSt3R
from dust3r.tests.network_passes import count_passes
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
STUDIO = ROOT / "samples" / "studio"
SMALL = ROOT / "models" / "small"
NAMES = [f"studio_0{k}.jpg" for k in (1, 2, 3)]
PHOTOS = [STUDIO / "images" / name for name in NAMES]
OF_THE_NETWORK = ("--cameras-from", "network", "--surfaces-from", "network")  # the photos' own: core/pipeline


@pytest.fixture(scope="module")
def truth() -> dict:
    return json.loads((STUDIO / "cameras.json").read_text())["photos"]


@pytest.fixture
def known(tmp_path):
    """Write cameras.json with these entries."""

    def write(photos: dict) -> Path:
        path = tmp_path / "known.json"
        path.write_text(json.dumps({"photos": photos}))
        return path

    return write


@pytest.fixture
def solve(run, tmp_path):
    """Reconstruct three photos: the cameras by name; --job lies in tmp_path/job."""

    def call(*more: object, photos=PHOTOS) -> dict:
        cameras, job = tmp_path / "cameras.json", tmp_path / "job"
        recipe = ("--model", SMALL, "--iterations", 5, "--scene-graph", "complete", *OF_THE_NETWORK)
        code, _, said = run("reconstruct", *photos, *recipe, "--cameras", cameras, "--job", job, *more)
        assert code == 0, said
        return json.loads(cameras.read_text())

    return call


@pytest.fixture
def passes(monkeypatch):
    """How many photos were encoded and how many pairs decoded."""
    return count_passes(monkeypatch, DUSt3R)


@pytest.mark.parametrize("pinned", [(), (1,), (0, 2), (0, 1, 2)])
def test_known_cameras_of_none_one_two_or_all_come_back_to_the_last_bit(solve, known, truth, pinned):
    entries = {NAMES[k]: truth[NAMES[k]] for k in pinned}
    found = solve(*(("--known", known(entries)) if entries else ()))
    for name, entry in entries.items():
        assert found["photos"][name]["cam2world"] == entry["cam2world"]
        assert found["photos"][name]["K"] == entry["K"]
    assert set(found.get("known", {})) == set(entries)
    assert all(np.isfinite(camera["cam2world"]).all() for camera in found["photos"].values())


def test_halves_of_cameras_come_back_to_the_last_bit_too(solve, known, truth):
    entries = {
        NAMES[0]: {"cam2world": truth[NAMES[0]]["cam2world"]},
        NAMES[1]: {"focal": 443.4000000000001},
        NAMES[2]: {"K": [[500.1, 0, 250.3], [0, 470.7, 200.9], [0, 0, 1]]},
    }
    found = solve("--known", known(entries), "--optimize-principal-point", "--shared-focal")["photos"]
    assert found[NAMES[0]]["cam2world"] == entries[NAMES[0]]["cam2world"]
    assert found[NAMES[1]]["K"][0][0] == found[NAMES[1]]["K"][1][1] == 443.4000000000001
    assert found[NAMES[2]]["K"] == entries[NAMES[2]]["K"]


def test_points_lie_on_the_rays_of_pixels_that_are_not_square(solve, known, tmp_path):
    K = [[460.0, 0, 256], [0, 420.0, 192], [0, 0, 1]]
    entries = {name: {"K": K} for name in NAMES}
    solve("--known", known(entries))
    for view in load_result(tmp_path / "job").views:
        x, y, z = np.moveaxis(view.camera_points(), -1, 0)
        pixels = np.stack([460 * x / z + 256, 420 * y / z + 192], axis=-1)
        np.testing.assert_allclose(pixels, view.mapping.photo_pixels(), atol=1e-4)
    square = {name: {"K": [[440.0, 0, 256], [0, 440.0, 192], [0, 0, 1]]} for name in NAMES}
    depth = [np.median(view.depth) for view in load_result(tmp_path / "job").views]
    solve("--known", known(square))
    for view, other in zip(load_result(tmp_path / "job").views, depth, strict=True):
        assert np.median(view.depth) == pytest.approx(other, rel=0.1)


def test_the_cameras_of_one_run_are_those_of_the_next(solve, tmp_path):
    first = solve()
    shutil.copy(tmp_path / "cameras.json", tmp_path / "earlier.json")
    for part, keys in (("both", ("K", "cam2world")), ("pose", ("cam2world",)), ("lens", ("K",))):
        again = solve("--known", tmp_path / "earlier.json", "--pin", part)
        for name in NAMES:
            assert all(again["photos"][name][key] == first["photos"][name][key] for key in keys)


def test_another_known_camera_costs_no_pass_and_another_world(solve, known, truth, passes):
    first = solve()
    passes.clear()
    second = solve("--known", known({NAMES[1]: truth[NAMES[1]]}))
    assert dict(passes) == {}
    assert second["photos"][NAMES[0]]["cam2world"] != first["photos"][NAMES[0]]["cam2world"]


def test_a_photo_added_to_known_ones_leaves_them_where_they_are(solve, known, truth):
    entries = {name: truth[name] for name in NAMES[:2]}
    solve("--known", known(entries), photos=PHOTOS[:2])
    found = solve("--known", known(entries))["photos"]
    assert all(found[name]["cam2world"] == entry["cam2world"] for name, entry in entries.items())
    assert np.isfinite(found[NAMES[2]]["cam2world"]).all()


def _mask(folder: Path, name: str, columns: slice) -> Path:
    values = np.full((384, 512), 255, np.uint8)
    values[:, columns] = 0
    folder.mkdir(exist_ok=True)
    Image.fromarray(values).save(folder / name)
    return folder


def test_what_is_black_is_in_no_cloud_and_moves_the_cameras(solve, tmp_path, passes):
    whole = solve()
    passes.clear()
    found = solve("--masks", _mask(tmp_path / "masks", "studio_02.png", np.s_[:300]))
    assert dict(passes) == {}  # the network sees all of it: what a mask leaves out can come back
    views = load_result(tmp_path / "job").views
    assert [view.mask.all() for view in views] == [True, False, True]
    x = views[1].mapping.photo_pixels()[..., 0]
    assert not views[1].mask[x < 295].any() and views[1].mask[x > 305].all()
    assert found["photos"][NAMES[0]] != whole["photos"][NAMES[0]]
    assert found["masks"] == {NAMES[1]: str((tmp_path / "masks" / "studio_02.png").resolve())}


def test_a_changed_mask_is_noticed_and_an_unchanged_one_costs_nothing(solve, tmp_path, monkeypatch):
    masks = _mask(tmp_path / "masks", "studio_02.png", np.s_[:300])
    first = solve("--masks", masks)
    _mask(masks, "studio_02.png", np.s_[:100])
    second = solve("--masks", masks)
    assert second["photos"] != first["photos"]
    monkeypatch.setattr(worker, "reconstruct", lambda *arguments: pytest.fail("something ran"))
    assert solve("--masks", masks)["photos"] == second["photos"]


def test_what_exif_says_is_weighed_in_and_who_took_a_photo_is_who_shares_its_focal(solve, tmp_path):
    exif, photos = Image.Exif(), []
    for k, photo in enumerate(PHOTOS):
        exif[0x0110] = "One" if k < 2 else "Two"
        exif.get_ifd(0x8769)[0xA405] = 40
        photos.append(tmp_path / photo.name)
        with Image.open(photo) as image:
            image.save(photos[-1], exif=exif)
    no = "--no-exif-focal"
    alone = [camera["K"][0][0] for camera in solve(no, photos=photos)["photos"].values()]
    shared = [camera["K"][0][0] for camera in solve(no, "--shared-focal", "exif", photos=photos)["photos"].values()]
    assert len(set(alone)) == 3 and shared[0] == shared[1] != shared[2]
    told = 40 / np.hypot(36, 24) * 640
    for before, by_default, on in zip(
        alone,
        solve(photos=photos)["photos"].values(),
        solve("--exif-focal", photos=photos)["photos"].values(),
        strict=True,
    ):
        assert by_default == on and on["focal_source"] == "exif"
        assert abs(np.log(on["K"][0][0] / told)) < 0.2 * abs(np.log(before / told))


def test_the_steps_of_a_farm_keep_what_plan_was_given(run, known, truth, tmp_path):
    entries, masks = {NAMES[0]: truth[NAMES[0]]}, _mask(tmp_path / "masks", "studio_02.png", np.s_[:300])
    job, recipe = tmp_path / "job", ("--model", SMALL, "--iterations", 5, *OF_THE_NETWORK)
    assert run("plan", *PHOTOS, "--job", job, *recipe, "--known", known(entries), "--masks", masks)[0] == 0
    assert run("infer", job)[0] == 0
    code, _, said = run("align", job, "--known", known(entries))
    assert code == 2 and "plan" in said
    assert run("align", job)[0] == 0
    result = load_result(job)
    assert (result.views[0].cam2world == truth[NAMES[0]]["cam2world"]).all()
    assert not result.views[1].mask.all()
    assert set(result.priors) == {"known", "masks"}


def test_pairs_made_elsewhere_take_known_cameras_by_their_numbers(run, known, tmp_path):
    shape, rng = (2, 24, 32), np.random.default_rng(0)
    points = np.stack([*np.meshgrid(np.linspace(-1, 1, 32), np.linspace(-0.7, 0.7, 24)), np.full((24, 32), 2.0)], -1)
    points = points + rng.normal(0, 0.01, (2, 24, 32, 3))
    fields = {"pts_i": points, "pts_j": points, "conf_i": np.full(shape, 3.0), "conf_j": np.full(shape, 3.0)}
    np.savez(tmp_path / "pairs.npz", edges=[[0, 1], [1, 0]], **fields)
    target, entries = tmp_path / "cameras.json", {"1": {"focal": 31.25, "principal_point": [16.5, 12.5]}}
    code, _, said = run("align", tmp_path / "pairs.npz", "--cameras", target, "--known", known(entries))
    assert code == 0, said
    assert json.loads(target.read_text())["photos"]["1"]["K"] == [[31.25, 0, 16.5], [0, 31.25, 12.5], [0, 0, 1]]
    code, _, said = run("align", tmp_path / "pairs.npz", "--cameras", target, "--shared-focal", "exif")
    assert code == 2 and "exif" in said.lower()


@pytest.mark.parametrize(
    ("photos", "more", "said"),
    [
        ({"studio_9.jpg": {"focal": 440}}, (), "studio_9.jpg"),
        ({NAMES[0]: {"focal": None}}, (), NAMES[0]),
        ({NAMES[0]: {"K": [[1, 0], [0, 1]]}}, (), "(3, 3)"),
        (None, ("--masks", "none"), "is no folder"),
        (None, ("--shared-focal", "always"), "shared-focal"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_before_the_work(run, known, tmp_path, photos, more, said):
    given = ("--known", known(photos)) if photos else ()
    code, _, error = run("reconstruct", *PHOTOS, "--cameras", tmp_path / "c.json", *given, *more)
    assert code == 2
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "c.json").exists()
