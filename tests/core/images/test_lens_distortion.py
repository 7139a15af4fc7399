"""A lens's bend taken out of a photo: what the file shows is where a straight lens would show it."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.images.lens_distortion import open_straight, straightened
from dust3r.core.images.pixel_mapping import PixelMapping
from dust3r.core.images.preprocessing import Framing, load_view, read_framed, straight_view
from PIL import Image

SIZE = (160, 100)
BARREL, CUSHION = -1e-5, 1e-5  # 6 pixels at the sides


def shading(pixels):
    """A smooth picture, by place."""
    return 128 + 100 * np.sin(pixels[..., 0] / 9) * np.cos(pixels[..., 1] / 7)


def pixel_centres(size):
    return np.stack(np.meshgrid(*(np.arange(side) + 0.5 for side in size)), axis=-1)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(shading(pixel_centres(SIZE)).astype(np.uint8)).convert("RGB").save(path)
    return path


def mapping_of(distortion):
    return PixelMapping(SIZE, SIZE, distortion=distortion)


@pytest.mark.parametrize("distortion", [BARREL, CUSHION])
def test_a_pixel_shows_what_the_file_has_where_the_lens_brought_it(photo, distortion):
    mapping = mapping_of(distortion)
    straight = np.asarray(open_straight(photo, mapping).image.convert("L"), float)
    places = mapping.in_file(pixel_centres(SIZE))
    inside = ((places > 2) & (places < np.subtract(SIZE, 2))).all(axis=-1)
    assert np.abs(straight - shading(places))[inside].max() < 3.5  # half a pixel would be 7
    assert np.abs(straight - shading(pixel_centres(SIZE)))[inside].max() > 50


def test_without_a_bend_the_file_is_taken_as_it_is(photo):
    with Image.open(photo) as file:
        assert open_straight(photo, mapping_of(0.0)).image.tobytes() == file.tobytes()


def test_what_no_pixel_of_the_file_shows_is_masked(photo):
    pillow, seen = read_framed(photo, mapping_of(CUSHION))
    places = mapping_of(CUSHION).in_file(pixel_centres(SIZE))
    assert np.array_equal(seen, ((places >= 0) & (places <= SIZE)).all(axis=-1))
    assert not seen[0, 0] and seen[50, 80] and 0.8 < seen.mean() < 1
    assert read_framed(photo, mapping_of(BARREL))[1].all()
    assert pillow.shape == (*SIZE[::-1], 3)


def test_an_image_of_other_size_bends_in_proportion(photo):
    mapping = mapping_of(BARREL)
    with Image.open(photo) as file:
        large = straightened(file.resize((640, 400)), mapping).resize(SIZE, Image.Resampling.BOX)
        small = straightened(file.convert("RGB"), mapping)
    assert np.abs(np.asarray(large, float) - np.asarray(small, float))[5:-5, 5:-5].max() < 6


def test_the_networks_view_and_its_mask_follow(photo, tmp_path):
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[:, :40] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    bent = load_view(photo, Framing(96), "photo", tmp_path / "mask.png")
    view = straight_view(bent, BARREL, tmp_path / "mask.png")
    assert view.mapping == replace(bent.mapping, distortion=BARREL)
    places = view.mapping.in_file(view.mapping.photo_pixels())
    clear = np.abs(places[..., 0] - 40) > 2
    assert np.array_equal(view.mask[clear], (places[..., 0] < 40)[clear])
    assert np.abs(view.colors[..., 0] - shading(places))[3:-3, 3:-3].mean() < 12


@pytest.mark.parametrize("distortion", [1e-3, -1e-3, np.nan, np.inf])
def test_a_bend_that_folds_the_photo_is_refused_and_read_from_no_file(photo, distortion):
    with pytest.raises(InputError, match="over itself"):
        straight_view(load_view(photo, Framing(96)), distortion)
    with pytest.raises(ValueError, match="is no mapping of pixels"):
        PixelMapping.from_dict(mapping_of(0.0).as_dict() | {"distortion": distortion})
