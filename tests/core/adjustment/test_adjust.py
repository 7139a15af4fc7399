"""Cameras of real pictures, adjusted on what they agree on."""

import json
from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.adjustment import adjust as module
from dust3r.core.adjustment import colmap_main
from dust3r.core.adjustment.adjust import PhotoStart, adjust
from dust3r.core.adjustment.settings import AdjustmentSettings
from dust3r.core.cameras.posed_images import read_posed_photos
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.errors import Cancelled, ReconstructionError
from dust3r.core.features.settings import FeaturePass, FeatureSettings
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.inference.array_store import MemoryStore
from dust3r.core.io.validation import record_of
from dust3r.core.progress import silent

pytest.importorskip("pycolmap")
WAY = FeaturePass(doubled=False, peak_threshold=0.01, guided=True)


@pytest.fixture(scope="module")
def truth(pytestconfig):
    """Four pictures of the studio with their true cameras."""
    return read_posed_photos(pytestconfig.rootpath / "samples" / "studio")[:4]


def start(photo, **changes):
    """A photo as a network would place it that is wrong about everything: at the origin, 15 % of focal off."""
    size = photo.size
    mapping = PixelMapping(size, size)
    guess = np.array([[1.15 * photo.K[0, 0], 0, size[0] / 2], [0, 1.15 * photo.K[0, 0], size[1] / 2], [0, 0, 1]])
    flat = np.full(size[::-1], 3.0, np.float32)
    plain = PhotoStart(photo.path, mapping, np.ones(size[::-1], bool), guess, np.eye(4), flat, KnownCamera())
    return replace(plain, **changes)


def turn_between(cameras):
    """Rotation (3, 3) of the last camera to the first."""
    return cameras[0][:3, :3].T @ cameras[-1][:3, :3]


def degrees(R):
    return np.degrees(np.arccos(np.clip((np.trace(R) - 1) / 2, -1, 1)))


@pytest.fixture(scope="module")
def adjusted(truth):
    return adjust([start(photo) for photo in truth], [], silent)


def test_pictures_of_one_place_get_cameras_that_the_network_did_not_know(truth, adjusted):
    assert all(camera is not None for camera in adjusted.cameras) and not adjusted.warnings
    found = turn_between([camera.cam2world for camera in adjusted.cameras])
    assert degrees(found.T @ turn_between([photo.cam2world for photo in truth])) < 1
    assert adjusted.cameras[0].K[0, 0] == pytest.approx(truth[0].K[0, 0], rel=0.03)


def test_points_lie_on_their_pixels_and_the_world_keeps_the_networks_unit(adjusted):
    depths = []
    for camera in adjusted.cameras:
        assert camera.evidence.error < 1.0
        seen = (camera.points - camera.cam2world[:3, 3]) @ camera.cam2world[:3, :3]
        pixels = (seen @ camera.K.T)[:, :2] / seen[:, 2:]
        assert np.median(np.linalg.norm(pixels - camera.pixels, axis=1)) == pytest.approx(camera.evidence.error)
        depths.append(seen[:, 2])
    assert np.median(np.concatenate(depths)) == pytest.approx(3.0, rel=0.05)  # the start said 3 everywhere


def test_what_the_user_knows_stays_to_the_last_bit(truth):
    known = [KnownCamera(photo.cam2world, photo.K[0, 0], tuple(photo.K[:2, 2])) for photo in truth[:3]]
    photos = [
        start(photo, known=one, K=photo.K, cam2world=photo.cam2world) if k < 2 else start(photo)
        for k, (photo, one) in enumerate(zip(truth[:3], known, strict=True))
    ]
    found = adjust(photos, [], silent)
    for camera, photo in zip(found.cameras[:2], truth, strict=False):
        assert camera is None or np.array_equal(camera.cam2world, photo.cam2world)


def test_what_a_mask_covers_gives_no_points(truth):
    size = truth[0].size
    mask = np.ones(size[::-1], bool)
    mask[:, : size[0] // 2] = False
    found = adjust([start(photo, mask=mask) for photo in truth[:3]], [], silent)
    pixels = np.concatenate([camera.pixels for camera in found.cameras if camera is not None])
    assert len(pixels) > 30 and pixels[:, 0].min() > size[0] / 2 - 1


def test_without_pycolmap_or_when_it_dies_the_networks_cameras_stay_and_a_sentence_says_so(truth, monkeypatch):
    photos = [start(photo) for photo in truth]
    monkeypatch.setattr(module, "has_pycolmap", lambda: False)
    missing = adjust(photos, [], silent)
    assert not any(missing.cameras) and "lacks the package pycolmap" in missing.warnings[0]
    monkeypatch.setattr(module, "has_pycolmap", lambda: True)
    monkeypatch.setattr(module, "MODULE", "dust3r.core.errors")  # which has no main
    dead = adjust(photos, [], silent)
    assert not any(dead.cameras) and "pycolmap ended early (exit code 1)" in dead.warnings[0]


def test_the_settings_reach_the_other_process_as_they_are(truth, monkeypatch):
    wanted = AdjustmentSettings(
        features=FeatureSettings(long_side=300, passes=(WAY,)), focal_factors=(None, 0.9), seed=7
    )
    reached = []

    def read(name, folder, report):
        content = json.loads((folder / colmap_main.TASK).read_text(encoding="utf-8"))
        reached.append(record_of(AdjustmentSettings, content["settings"]))
        raise ReconstructionError("enough")

    monkeypatch.setattr(module, "run_apart", read)
    adjust([start(photo) for photo in truth], [], silent, wanted)
    assert reached == [wanted]


def test_matches_are_found_once_and_the_cameras_are_the_same(truth, monkeypatch):
    store, stages = MemoryStore(), ([], [])
    photos, settings = (
        [start(photo) for photo in truth[:3]],
        AdjustmentSettings(features=FeatureSettings(passes=(WAY,))),
    )
    found = [adjust(photos, [], lambda stage, *_, said=said: said.append(stage), settings, store) for said in stages]
    assert len(store.names(module.MATCHES)) == 1
    assert "Matching photos" in stages[0] and "Matching photos" not in stages[1]
    for before, after in zip(found[0].cameras, found[1].cameras, strict=True):
        assert before.cam2world.tobytes() == after.cam2world.tobytes()
    masked = [start(photo, mask=start(photo).mask & (np.arange(photo.size[0]) > 9)) for photo in truth[:3]]
    adjust(masked, [], silent, settings, store)
    assert len(store.names(module.MATCHES)) == 2


def test_cancelling_is_no_failure_of_pycolmap(truth):
    def report(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        adjust([start(photo) for photo in truth], [], report)


def test_pictures_too_small_for_features_start_no_process(truth, monkeypatch):
    monkeypatch.setattr(module, "run_apart", None)
    small = PixelMapping((120, 90), (120, 90))
    assert not any(adjust([start(photo, mapping=small) for photo in truth], [], silent).cameras)


def test_photos_that_no_points_join_to_the_others_say_that_the_network_placed_them(truth, monkeypatch):
    rng = np.random.default_rng(0)
    world2cam = np.linalg.inv(np.stack([photo.cam2world for photo in truth]))
    K = np.stack([photo.K for photo in truth])
    points = np.array([0.1, 0.1, 0.6]) + rng.uniform(-0.4, 0.4, (100, 3))  # before all cameras
    photo = np.repeat([0, 1, 2, 3], [60, 60, 40, 40])
    point = np.concatenate([np.arange(60), np.arange(60), np.arange(60, 100), np.arange(60, 100)])
    local = np.einsum("mij,mj->mi", world2cam[photo, :3, :3], points[point]) + world2cam[photo, :3, 3]
    seen = np.einsum("mij,mj->mi", K[photo], local)
    pixel = seen[:, :2] / seen[:, 2:] + rng.normal(0, 0.3, (len(photo), 2))

    def write(name, folder, report):
        found = {"world2cam": world2cam, "K": K, "photo": photo, "pixel": pixel, "point": point, "points": points}
        np.savez(folder / colmap_main.RESULT, **found, bend=np.zeros(4))

    monkeypatch.setattr(module, "run_apart", write)
    evidence = [camera.evidence for camera in adjust([start(one) for one in truth], [], silent).cameras]
    assert [one.source for one in evidence] == ["photos", "photos", "both", "both"]
    assert [one.turn is None for one in evidence] == [False, False, True, True]
    assert all(one.turn < 1 for one in evidence[:2])
