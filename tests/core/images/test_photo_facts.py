"""What the list shows of photos: read from headers alone."""

import os

import pytest
from dust3r.core.errors import InputError
from dust3r.core.images.reader import PhotoFacts, time_order
from PIL import Image

ORIENTATION, MAKE, MODEL, IFD, FOCAL_35, TAKEN, FRACTION = 0x0112, 0x010F, 0x0110, 0x8769, 0xA405, 0x9003, 0x9291


def photo(path, taken="2024:05:06 07:08:09", fraction=None, orientation=1):
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE], exif[MODEL] = orientation, "Maker", "Model 1"
    more = exif.get_ifd(IFD)
    more[FOCAL_35] = 26
    more[TAKEN] = taken
    if fraction:
        more[FRACTION] = fraction
    Image.new("RGB", (400, 300), "grey").save(path, exif=exif)
    return path


def test_size_lens_camera_and_time_come_from_the_header(tmp_path):
    facts = PhotoFacts.read(photo(tmp_path / "a.jpg", orientation=6))
    assert facts.size == (300, 400)
    assert facts.focal == pytest.approx(26 / 43.2666 * 500, rel=1e-5)
    assert facts.focal_35 == pytest.approx(26)
    assert (facts.taken, facts.camera) == ("2024:05:06 07:08:09", "Maker Model 1")


def test_a_photo_that_says_nothing_has_only_its_size(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    assert PhotoFacts.read(tmp_path / "a.png") == PhotoFacts((40, 30), None, "", "")
    assert PhotoFacts.read(tmp_path / "a.png").focal_35 is None


@pytest.mark.parametrize("taken", ["", "yesterday", "0000:00:00 00:00:00", "2024-05-06 07:08:09"])
def test_a_clock_that_was_never_set_tells_no_time(tmp_path, taken):
    assert PhotoFacts.read(photo(tmp_path / "a.jpg", taken)).taken == ""


def test_photos_sort_by_the_cameras_clock_then_by_name(tmp_path):
    late = photo(tmp_path / "a.jpg", "2024:05:06 07:08:10")
    burst = [photo(tmp_path / "c.jpg", fraction="250"), photo(tmp_path / "b.jpg", fraction="750")]
    same = [photo(tmp_path / f"IMG_{number}.jpg", "2023:01:01 00:00:00") for number in (2, 10)]
    assert sorted([late, *burst[::-1], *same[::-1]], key=time_order) == [*same, *burst, late]


def test_without_a_clock_the_files_own_time_counts(tmp_path):
    old, new = tmp_path / "b.png", tmp_path / "a.png"
    for path, when in ((old, 1e9), (new, 1.5e9)):
        Image.new("RGB", (4, 4)).save(path)
        os.utime(path, (when, when))
    assert sorted([new, old], key=time_order) == [old, new]


def test_what_is_no_photo_is_named(tmp_path):
    (tmp_path / "a.jpg").write_text("words")
    with pytest.raises(InputError, match=r"a\.jpg"):
        PhotoFacts.read(tmp_path / "a.jpg")
