"""Masks as files: found by name, turned as their photo is, black left out."""

from pathlib import Path

import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.core.images.masks import find_masks, open_mask
from dust3r.core.images.preprocessing import Framing, load_view, load_views
from PIL import Image

SIZE = (96, 64)
FRAMING = Framing(96)
ORIENTATION = 0x0112


def _photo(path: Path, size: tuple[int, int] = SIZE, orientation: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.new("RGB", size, "grey").save(path, exif=exif)
    return path


def _mask(path: Path, size: tuple[int, int] = SIZE, mode: str = "L") -> Path:
    """White but for the left quarter."""
    values = np.full(size[::-1], 255, np.uint8)
    values[:, : size[0] // 4] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).convert(mode).save(path)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.jpg.png", "a.jpg", "a.tif", "a.jpg.PNG"])
def test_a_mask_is_named_as_its_photo(tmp_path, name):
    photos = [_photo(tmp_path / "photos" / file) for file in ("a.jpg", "b.jpg")]
    mask = _mask(tmp_path / "masks" / name)
    assert find_masks(tmp_path / "masks", photos) == {photos[0].resolve(): mask.resolve()}


def test_the_photos_whole_name_goes_before_its_stem(tmp_path):
    photos = [_photo(tmp_path / "photos" / name) for name in ("a.jpg", "a.png")]
    masks = [_mask(tmp_path / "masks" / f"{photo.name}.png").resolve() for photo in photos]
    assert list(find_masks(tmp_path / "masks", photos).values()) == masks


def test_photos_told_apart_by_folders_have_masks_told_apart_alike(tmp_path):
    photos = [_photo(tmp_path / side / "a.jpg") for side in ("left", "right")]
    mask = _mask(tmp_path / "masks" / "right" / "a.png")
    assert find_masks(tmp_path / "masks", photos) == {photos[1].resolve(): mask.resolve()}


@pytest.mark.parametrize(
    ("photos", "masks", "said"),
    [
        (["a.jpg"], ["b.png"], "holds no mask of any photo.*a.png"),
        (["a.jpg"], ["a.png", "a.tif"], r"both masks of a\.jpg"),
        (["a.jpg", "a.png"], ["a.bmp"], r"a\.bmp fits 2 photos"),
        (["a.jpg"], [], "is no folder"),
    ],
)
def test_names_that_fit_nothing_or_too_much_are_one_sentence(tmp_path, photos, masks, said):
    paths = [_photo(tmp_path / "photos" / name) for name in photos]
    for name in masks:
        _mask(tmp_path / "masks" / name)
    with pytest.raises(InputError, match=said):
        find_masks(tmp_path / "masks", paths)


def test_photos_are_no_masks_of_themselves(tmp_path):
    photos = [_photo(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    with pytest.raises(InputError, match="holds no mask"):
        find_masks(tmp_path, photos)


def test_a_mask_of_another_size_is_refused_before_the_work(tmp_path):
    photo = _photo(tmp_path / "a.jpg")
    mask = _mask(tmp_path / "masks" / "a.png", (48, 32))
    with pytest.raises(InputError, match=r"48 x 32 pixels and a\.jpg 96 x 64"):
        find_masks(tmp_path / "masks", [photo])
    with pytest.raises(InputError, match=r"48 x 32 pixels and a\.jpg 96 x 64"):
        load_view(photo, FRAMING, mask_file=mask)


def test_a_mask_that_leaves_nothing_is_refused(tmp_path):
    photo, mask = _photo(tmp_path / "a.jpg"), tmp_path / "mask.png"
    Image.fromarray(np.ones(SIZE[::-1], np.uint8)).save(mask)  # 0 and 1, as some programs write them
    with pytest.raises(InputError, match="leaves nothing"):
        load_view(photo, FRAMING, mask_file=mask)
    views, warnings = load_views([photo, _photo(tmp_path / "b.jpg")], FRAMING, masks={photo.resolve(): mask})
    assert [view.name for view in views] == ["b.jpg"] and "leaves nothing" in warnings[0]


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P", "I;16", "RGBA"])
def test_black_is_left_out_and_white_is_kept_in_every_colour_mode(tmp_path, mode):
    photo = _photo(tmp_path / "a.jpg")
    mask = tmp_path / "mask.png"
    if mode == "I;16":
        values = np.full(SIZE[::-1], 65535, np.uint16)
        values[:, :24] = 0
        Image.fromarray(values).save(mask)
    else:
        _mask(mask, mode=mode)
    kept = load_view(photo, FRAMING, mask_file=mask).mask
    assert not kept[:, :24].any() and kept[:, 24:].all()


def test_transparency_of_the_photo_and_its_mask_act_together(tmp_path):
    cut = np.full((*SIZE[::-1], 4), 255, np.uint8)
    cut[:32, :, 3] = 0
    photo = tmp_path / "a.png"
    Image.fromarray(cut).save(photo)
    kept = load_view(photo, FRAMING, mask_file=_mask(tmp_path / "mask.png")).mask
    assert kept[32:, 24:].all() and kept.sum() == 32 * 72


@pytest.mark.parametrize(("orientation", "left_out"), [(6, np.s_[:24, :]), (8, np.s_[72:, :])])
def test_a_mask_over_the_photo_as_stored_is_turned_with_it(tmp_path, orientation, left_out):
    photo = _photo(tmp_path / "a.jpg", orientation=orientation)
    stored = _mask(tmp_path / "masks" / "a.png")
    assert find_masks(tmp_path / "masks", [photo])
    kept = load_view(photo, FRAMING, mask_file=stored).mask
    assert kept.shape == (96, 64) and not kept[left_out].any() and kept.sum() == 72 * 64


def test_a_mask_over_the_photo_as_it_is_seen_is_not_turned(tmp_path):
    photo = _photo(tmp_path / "a.jpg", orientation=6)
    kept = load_view(photo, FRAMING, mask_file=_mask(tmp_path / "mask.png", (64, 96))).mask
    assert not kept[:, :16].any() and kept[:, 16:].all()


def test_a_masks_own_turn_is_taken(tmp_path):
    photo, mask = _photo(tmp_path / "a.jpg", orientation=6), tmp_path / "mask.png"
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    with Image.open(_mask(tmp_path / "plain.png")) as plain:
        plain.save(mask, exif=exif)
    seen = np.asarray(open_mask(mask, photo, (64, 96), 6))
    assert (seen[:24] == 0).all() and (seen[24:] == 255).all()


def test_only_the_mask_of_a_photo_decides_what_is_left_of_it(tmp_path):
    photos = [_photo(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    mask = _mask(tmp_path / "mask.png")
    plain, _ = load_views(photos, FRAMING)
    masked, _ = load_views(photos, FRAMING, masks={photos[0].resolve(): mask})
    assert all((a.image == b.image).all() for a, b in zip(plain, masked, strict=True))
    assert masked[0].mask.sum() == 72 * 64 and masked[1].mask.all()
