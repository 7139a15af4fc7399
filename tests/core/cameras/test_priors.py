"""What is known of cameras, as cameras.json says it: read to the last bit, or refused in one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.cameras.priors import KnownCamera, Priors, read_known, read_named
from dust3r.core.errors import InputError
from dust3r.core.images.exif import NO_TAGS, LensTags
from dust3r.core.jobs.job import Job
from dust3r.core.settings import AlignmentSettings, ReconstructionSettings
from PIL import Image

POSE = np.eye(4)
POSE[:3, 3] = 0.1, 1 / 3, np.pi
SIZES = {"a.jpg": (64, 48), "b.jpg": (64, 48)}
K = [[50.1, 0, 31.9], [0, 50.1, 24.2], [0, 0, 1]]
POSE_FAR_AWAY = [[1, 0, 0, 1e19], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def _write(folder: Path, photos: object) -> Path:
    path = folder / "cameras.json"
    path.write_text(photos if isinstance(photos, str) else json.dumps({"photos": photos}))
    return path


@pytest.mark.parametrize(
    ("entry", "known"),
    [
        ({"cam2world": POSE.tolist()}, {"cam2world"}),
        ({"focal": 50.1}, {"focal"}),
        ({"focal": 50.1, "focal_spread": 0.02}, {"focal", "focal_spread"}),
        ({"principal_point": [31.9, 24.2]}, {"principal_point"}),
        ({"K": K}, {"K"}),
        ({"K": [[50, 0, 32], [0, 51, 24], [0, 0, 1]], "cam2world": POSE.tolist()}, {"K", "cam2world"}),
        ({"focal": 50.1, "principal_point": [31.9, 24.2]}, {"K"}),
    ],
)
def test_an_entry_says_as_much_as_it_likes_and_comes_back_to_the_last_bit(tmp_path, entry, known):
    (camera,) = read_named(_write(tmp_path, {"a.jpg": entry}), SIZES).values()
    again = KnownCamera.from_dict(json.loads(json.dumps(camera.as_dict())))
    assert set(camera.as_dict()) == known
    for name in ("focal", "focal_spread", "principal_point", "focal_y"):
        assert getattr(again, name) == getattr(camera, name)
    if "cam2world" in entry:
        assert (again.cam2world == np.array(entry["cam2world"])).all()
    if "K" in entry:
        assert camera.K.tolist() == entry["K"]


@pytest.mark.parametrize(
    ("photos", "said"),
    [
        ({"c.jpg": {"focal": 50}}, r"c\.jpg.*none of the 2 photos"),
        ({"a.jpg": {"focal": -50}}, r"a\.jpg.*0\.001 to 1e\+09 pixels, got -50"),
        ({"a.jpg": {"focal": 1e10}}, r"a\.jpg.*0\.001 to 1e\+09 pixels, got 1e\+10"),
        ({"a.jpg": {"focal": 1e308}}, r"a\.jpg.*pixels, got 1e\+308"),
        ({"a.jpg": {"focal": 1e-4}}, r"a\.jpg.*pixels, got 0\.0001"),
        ({"a.jpg": {"K": [[50, 0, 0], [0, 1e10, 0], [0, 0, 1]]}}, r"a\.jpg.*pixels, got 1e\+10"),
        ({"a.jpg": {"principal_point": [1e10, 0]}}, r"a\.jpg.*within 1e\+09 pixels, got 1e\+10, 0"),
        ({"a.jpg": {"cam2world": POSE_FAR_AWAY}}, r"a\.jpg.*within 1e\+18 units, got 1e\+19"),
        ({"a.jpg": {"focal": float("nan")}}, r"a\.jpg.*finite"),
        ({"a.jpg": {"focal": [50]}}, r"a\.jpg.*focal"),
        ({"a.jpg": {"focal": "long"}}, r"a\.jpg.*focal"),
        ({"a.jpg": {"focal": 10**400}}, r"a\.jpg.*focal"),
        ({"a.jpg": {"focal": 50, "focal_spread": -1}}, r"a\.jpg.*spread"),
        ({"a.jpg": {"cam2world": np.eye(3).tolist()}}, r"a\.jpg.*\(4, 4\)"),
        ({"a.jpg": {"cam2world": (2 * np.eye(4)).tolist()}}, r"a\.jpg.*4 x 4"),
        ({"a.jpg": {"cam2world": np.diag([2.0, 2, 2, 1]).tolist()}}, r"a\.jpg.*rigid"),
        ({"a.jpg": {"K": np.eye(4).tolist()}}, r"a\.jpg.*\(3, 3\)"),
        ({"a.jpg": {"K": [[50, 1, 32], [0, 50, 24], [0, 0, 1]]}}, r"a\.jpg.*skew"),
        ({"a.jpg": {"K": K, "focal": 50}}, r"a\.jpg.*K and focal"),
        ({"a.jpg": {"focl": 50}}, r"a\.jpg.*'focl'"),
        ({"a.jpg": {"width": 64, "height": 48}}, r"a\.jpg.*nothing of its camera"),
        ({"a.jpg": {"K": K, "width": 128, "height": 96}}, r"128 x 96.*64 x 48"),
        ({"a.jpg": 3}, r"a\.jpg.*nothing"),
        ('{"photos": {"a.jpg": {"focal": 1}, "a.jpg": {"focal": 2}}}', r"'a\.jpg' twice"),
        ({}, "names no photos"),
        ("[" * 100_000, "no cameras.json"),
        ("photos", "no cameras.json"),
    ],
)
def test_what_cannot_be_known_is_one_sentence(tmp_path, photos, said):
    with pytest.raises(InputError, match=said) as error:
        read_named(_write(tmp_path, photos), SIZES)
    assert "\n" not in str(error.value)


def test_a_pose_needs_no_size_and_half_an_entry_can_be_wanted(tmp_path):
    entry = {"K": K, "cam2world": POSE.tolist(), "width": 128, "height": 96}
    path = _write(tmp_path, {"a.jpg": entry, "b.jpg": {"focal": 7}})
    assert set(read_named(path, SIZES, "pose")) == {"a.jpg"}
    lens = read_named(path, {"a.jpg": (128, 96), "b.jpg": None}, "lens")
    assert lens["a.jpg"].cam2world is None and lens["b.jpg"].focal == 7


def test_photos_of_one_name_are_told_apart_by_their_folders(tmp_path):
    photos = [tmp_path / side / "a.jpg" for side in ("left", "right")]
    for photo in photos:
        photo.parent.mkdir()
        Image.new("RGB", (64, 48)).save(photo)
    with pytest.raises(InputError, match=r"left/a\.jpg or right/a\.jpg"):
        read_known(_write(tmp_path, {"a.jpg": {"focal": 7}}), photos)
    known = read_known(_write(tmp_path, {"right/a.jpg": {"focal": 7}}), photos)
    assert set(known) == {photos[1].resolve()}


def test_a_folder_with_a_cameras_json_will_do_and_a_missing_file_is_named(tmp_path):
    _write(tmp_path, {"a.jpg": {"focal": 7}})
    assert read_named(tmp_path, SIZES)["a.jpg"].focal == 7
    with pytest.raises(InputError, match=r"none\.json does not exist"):
        read_named(tmp_path / "none.json", SIZES)


def test_a_job_keeps_what_is_given_to_the_last_bit(tmp_path):
    photo = tmp_path / "a.jpg"
    priors = Priors({photo: KnownCamera(POSE, 1 / 3, (1 / 7, 2.5))}, {photo: tmp_path / "mask.png"})
    Job((photo,), Path("model"), ReconstructionSettings(), priors=priors).save(tmp_path)
    found = Job.load(tmp_path).priors
    assert found.as_dict() == priors.as_dict()
    assert (found.cameras[photo].cam2world == POSE).all()
    (tmp_path / "job.json").write_text((tmp_path / "job.json").read_text().replace('"known"', '"known": 3, "not"'))
    with pytest.raises(InputError, match=r"job\.json"):
        Job.load(tmp_path)


@pytest.mark.parametrize(("old", "new"), [(False, "off"), (True, "size"), ("exif", "exif")])
def test_settings_of_before_keep_their_shared_focal_and_take_no_focal_from_exif(old, new):
    values = ReconstructionSettings().as_dict()
    values["alignment"]["shared_focal"] = old
    del values["alignment"]["exif_focal"]
    expected = AlignmentSettings(shared_focal=new, exif_focal=False)
    assert ReconstructionSettings.from_dict(values).alignment == expected


def test_a_focal_from_exif_is_used_unless_settings_say_otherwise(tmp_path):
    assert ReconstructionSettings().alignment.exif_focal
    assert ReconstructionSettings.from_dict({}).alignment.exif_focal
    off = ReconstructionSettings(alignment=AlignmentSettings(exif_focal=False))
    Job((tmp_path / "a.jpg",), Path("model"), off).save(tmp_path)
    assert Job.load(tmp_path).settings == off


def _tags(**tags: object) -> LensTags:
    exif, more = Image.Exif(), {}
    names = {"make": 0x010F, "model": 0x0110}
    inner = {"focal": 0x920A, "focal_35": 0xA405, "density": 0xA20E, "unit": 0xA210, "width": 0xA002, "lens": 0xA434}
    for name, value in tags.items():
        (exif if name in names else more)[names.get(name) or inner[name]] = value
    exif.get_ifd(0x8769).update(more)
    return LensTags.of(exif)


@pytest.mark.parametrize(
    ("tags", "size", "focal"),
    [
        ({"focal_35": 43}, (1600, 1200), 43 / 43.2666 * 2000),
        ({"focal_35": 36}, (3600, 2400), 3600),
        ({"focal_35": 36}, (2400, 3600), 3600),
        ({"focal": 50.0, "density": 4000.0, "unit": 3}, (3000, 2000), 20000),
        ({"focal": 50.0, "density": 2540.0, "unit": 2, "width": 6000}, (3000, 2000), 2500),
        ({"focal": 50.0, "density": 2540.0}, (3000, 2000), 5000),
        ({"focal": 50.0}, (3000, 2000), None),
        ({"focal_35": 0, "focal": 0.0, "density": 100.0}, (3000, 2000), None),
        ({"focal": float("nan"), "density": 100.0}, (3000, 2000), None),
        ({"focal_35": "wide", "focal": b"\1", "density": 100.0, "unit": 9}, (3000, 2000), None),
        ({}, (3000, 2000), None),
    ],
)
def test_exif_tells_the_focal_in_pixels_or_nothing(tags, size, focal):
    assert _tags(**tags).focal_pixels(size) == pytest.approx(focal, rel=1e-5)


def test_one_camera_is_its_name_lens_and_zoom():
    mine = _tags(make="Mine\0", model="One ", lens="Wide", focal=24.0)
    assert mine.identity == _tags(make="Mine", model="One", lens="Wide", focal=24.0).identity
    for other in ({"model": "Two"}, {"lens": "Tele"}, {"focal": 35.0}):
        assert (
            _tags(**{"make": "Mine", "model": "One", "lens": "Wide", "focal": 24.0} | other).identity != mine.identity
        )
    assert NO_TAGS.identity is None
    assert replace(mine, camera=("", "")).identity is None
