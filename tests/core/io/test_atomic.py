"""A final name never holds half a file, and a reconstruction comes back bit by bit."""

import errno
import json
import os
import secrets
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.cameras.evidence import CameraEvidence
from dust3r.core.errors import InputError
from dust3r.core.export.ply import save_ply
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.io.atomic import check_writable, named_when_whole, recorded, replacing, temporary_folder, together
from dust3r.core.jobs.job import Job
from dust3r.core.reconstruction.result import AlignedView, Reconstruction
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings


def _reconstruction() -> Reconstruction:
    rng = np.random.default_rng(1)
    mapping = PixelMapping((200, 100), (32, 16), (6.25, 6.25), (0.0, 0.0), 6)
    views = tuple(
        AlignedView(
            name=f"photo {k}.jpg",
            path=Path("photos") / f"photo {k}.jpg",
            mapping=mapping,
            K=np.array([[180.0, 0, 100], [0, 180, 50], [0, 0, 1]]),
            cam2world=np.eye(4),
            depth=rng.uniform(1, 3, (16, 32)).astype(np.float32),
            confidence=rng.uniform(1, 9, (16, 32)).astype(np.float32),
            colors=rng.integers(0, 255, (16, 32, 3), dtype=np.uint8),
            mask=rng.random((16, 32)) > 0.2,
        )
        for k in range(2)
    )
    return Reconstruction(views, "small@0123", ReconstructionSettings(), "0.1.0", ("One warning",))


def test_a_saved_reconstruction_loads_bit_by_bit(tmp_path):
    saved = _reconstruction()
    saved.save(tmp_path)
    loaded = Reconstruction.load(tmp_path)
    assert loaded.cameras() == saved.cameras()
    assert (loaded.warnings, loaded.version) == (saved.warnings, saved.version)
    for before, after in zip(saved.views, loaded.views, strict=True):
        assert (after.name, after.path, after.mapping) == (before.name, before.path, before.mapping)
        for name in ("K", "cam2world", "depth", "confidence", "colors", "mask"):
            np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_where_focals_come_from_and_what_the_network_saw_are_saved_and_unknown_in_results_of_before(tmp_path):
    plain = _reconstruction()
    sure = CameraEvidence("photos", 412, 0.4, 0.02, 0.001)
    views = (replace(plain.views[0], focal_source="exif", evidence=sure), plain.views[1])
    replace(plain, views=views, synthetic=True).save(tmp_path)
    loaded = Reconstruction.load(tmp_path)
    assert loaded.synthetic and [view.focal_source for view in loaded.views] == ["exif", "network"]
    assert [view.evidence for view in loaded.views] == [sure, CameraEvidence()]
    assert [photo["evidence"]["source"] for photo in loaded.cameras()["photos"].values()] == ["photos", "network"]
    head = json.loads((tmp_path / "reconstruction.json").read_text())
    del head["synthetic"], head["views"][0]["focal_source"], head["views"][0]["evidence"]
    (tmp_path / "reconstruction.json").write_text(json.dumps(head))
    before = Reconstruction.load(tmp_path)
    assert not before.synthetic and before.views[0].focal_source == "network"
    assert before.views[0].evidence == CameraEvidence()
    head["views"][0]["focal_source"] = "hearsay"
    (tmp_path / "reconstruction.json").write_text(json.dumps(head))
    with pytest.raises(InputError, match="hearsay"):
        Reconstruction.load(tmp_path)


def test_points_lie_on_the_rays_of_their_own_pixels():
    view = _reconstruction().views[0]
    points = view.camera_points()
    seen = points @ view.K.T
    np.testing.assert_allclose(seen[..., :2] / seen[..., 2:], view.mapping.photo_pixels(), atol=1e-9)
    np.testing.assert_allclose(points[..., 2], view.depth, rtol=1e-6)


def test_the_point_cloud_keeps_what_mask_and_confidence_keep():
    result = _reconstruction()
    kept = [view.mask & (view.confidence >= 4) for view in result.views]
    cloud = result.point_cloud(4)
    assert np.bincount(cloud.view).tolist() == [int(mask.sum()) for mask in kept]
    assert cloud.confidence.min() >= 4
    np.testing.assert_array_equal(cloud.color[: kept[0].sum()], result.views[0].colors[kept[0]])


@pytest.mark.parametrize("damage", ["missing", "truncated", "other format", "no json"])
def test_a_damaged_result_is_one_sentence(tmp_path, damage):
    _reconstruction().save(tmp_path)
    arrays, head = tmp_path / "arrays.npz", tmp_path / "reconstruction.json"
    if damage == "missing":
        arrays.unlink()
    elif damage == "truncated":
        arrays.write_bytes(arrays.read_bytes()[:900])
    elif damage == "other format":
        head.write_text(json.dumps({**json.loads(head.read_text()), "format": 99}))
    else:
        head.write_text("{")
    with pytest.raises(InputError):
        Reconstruction.load(tmp_path)


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(target) as file:
        file.write(b"half of the new")
        raise ZeroDivisionError
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_sentence_and_no_half_file(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"points\.ply.*space"):
        save_ply(tmp_path / "points.ply", _reconstruction().point_cloud())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_real_full_device_is_one_sentence():
    with pytest.raises(InputError), replacing(Path("/dev/full/x")) as file:
        file.write(b"1")


def test_a_place_that_cannot_be_written_is_known_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "cameras.json", tmp_path):
        with pytest.raises(InputError, match=r"Cannot write"):
            check_writable(path)
    check_writable(tmp_path / "new folder" / "cameras.json")
    assert list((tmp_path / "new folder").iterdir()) == []


def _protected(folder: Path, kind: str) -> Path:
    path = folder / "points.ply"
    if kind == "link":
        (folder / "elsewhere").write_text("precious")
        path.symlink_to(folder / "elsewhere")
    elif kind == "dangling link":
        path.symlink_to(folder / "elsewhere")
    elif kind == "read-only file":
        path.write_text("precious")
        path.chmod(0o444)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    return path


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
@pytest.mark.parametrize("kind", ["link", "dangling link", "read-only file", "pipe", "folder"])
def test_links_devices_folders_and_read_only_files_are_not_replaced(tmp_path, kind):
    path = _protected(tmp_path, kind)
    before = [(one.name, one.lstat()) for one in sorted(tmp_path.iterdir())]
    with pytest.raises(InputError, match=r"Cannot write .*points\.ply: it is a|Cannot write .*points\.ply: it is read"):
        check_writable(path)
    with pytest.raises(InputError, match="Cannot write"), replacing(path) as file:
        file.write(b"points")
    with pytest.raises(InputError, match="Cannot write"), named_when_whole(path) as partial:
        partial.write_text("points")
    after = [(one.name, one.lstat()) for one in sorted(tmp_path.iterdir())]
    assert [(name, stat.st_ino, stat.st_mtime) for name, stat in after] == [
        (name, stat.st_ino, stat.st_mtime) for name, stat in before
    ]


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_a_link_under_the_hidden_name_is_not_written_through(tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0123456789ab")
    precious = tmp_path / "precious"
    (tmp_path / ".file.0123456789ab.part").symlink_to(precious)
    with pytest.raises(InputError), replacing(tmp_path / "file") as file:
        file.write(b"content")
    assert not precious.exists()
    (tmp_path / ".file.0123456789ab.part").symlink_to(precious)
    with pytest.raises(InputError):
        check_writable(tmp_path / "file")
    assert not precious.exists()


def test_hidden_names_cannot_be_foreseen(tmp_path):
    names = set()
    for _ in range(3):
        with replacing(tmp_path / "file"):
            names |= {path.name for path in tmp_path.iterdir()}
    assert len(names) == 4, names


def test_files_written_together_appear_together(tmp_path):
    one, two = tmp_path / "one.json", tmp_path / "two.blend"
    one.write_text("old")
    with recorded() as made, together():
        with replacing(one) as file:
            file.write(b"new")
        with named_when_whole(two) as partial:
            partial.write_text("scene")
        assert (one.read_text(), two.exists(), made) == ("old", False, [])
    assert (one.read_text(), two.read_text(), made) == ("new", "scene", [one, two])
    assert sorted(tmp_path.iterdir()) == [one, two]


def test_a_failure_among_files_written_together_leaves_none_of_them(tmp_path):
    old = tmp_path / "one.json"
    old.write_text("old")
    with pytest.raises(KeyboardInterrupt), recorded() as made, together():
        with replacing(old) as file:
            file.write(b"new")
        raise KeyboardInterrupt
    assert (old.read_text(), made, list(tmp_path.iterdir())) == ("old", [], [old])


def test_a_signal_waits_until_files_written_together_have_their_names(tmp_path, monkeypatch):
    paths, rename = [tmp_path / name for name in ("one", "two", "three")], Path.replace

    def interrupted(partial: Path, path: Path) -> Path:
        signal.raise_signal(signal.SIGINT)
        return rename(partial, path)

    monkeypatch.setattr(Path, "replace", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    try:
        with pytest.raises(KeyboardInterrupt), together():
            for path in paths:
                with replacing(path) as file:
                    file.write(b"content")
    finally:
        signal.signal(signal.SIGINT, before)
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_job_survives_its_folder(tmp_path):
    settings = ReconstructionSettings("swin-2", min_confidence=3.0, alignment=AlignmentSettings(iterations=7, seed=5))
    job = Job((Path("a b.jpg"), Path("写真.png")), Path("model"), settings)
    job.save(tmp_path)
    assert Job.load(tmp_path) == job


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 1, "photos": 3, "model": "m", "settings": {}}', '{"format": 9}']
)
def test_a_file_that_is_no_job_is_one_sentence(tmp_path, content):
    (tmp_path / "job.json").write_text(content)
    with pytest.raises(InputError, match=r"job\.json"):
        Job.load(tmp_path)


@pytest.mark.parametrize(
    "values",
    [{"iterations": -1}, {"schedule": "square"}, {"distance": "l3"}, {"learning_rate": 0}],
)
def test_settings_out_of_range_are_named(values):
    with pytest.raises(InputError, match=next(iter(values))):
        AlignmentSettings(**values)


def test_a_signal_just_after_a_temporary_folder_was_made_leaves_none(tmp_path, monkeypatch):
    make = tempfile.mkdtemp

    def interrupted(*arguments, **options):
        folder = make(*arguments, **options)
        signal.raise_signal(signal.SIGINT)
        return folder

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "mkdtemp", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), temporary_folder():
            pytest.fail("the signal was swallowed")
    finally:
        signal.signal(signal.SIGINT, before)
    assert list(tmp_path.iterdir()) == []
