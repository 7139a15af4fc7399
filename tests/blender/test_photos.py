"""The list of photos: every way in, its order, its switches, and what it shows of each photo."""

import json
from pathlib import Path

import bpy
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
NAMES = [f"studio_0{number}.jpg" for number in (1, 2, 3)]


@pytest.fixture
def listed(extension):
    """The settings, with three photos in the list."""
    bpy.ops.dust3r.add_photos(directory=str(STUDIO), files=[{"name": name} for name in NAMES])
    return extension


def names(settings) -> list[str]:
    return [photo.name for photo in settings.photos]


def paste(text: str) -> set[str]:
    return bpy.ops.dust3r.paste_photos(text=text)


def test_pasted_paths_are_added_once(extension):
    paste("\n".join(f'"{STUDIO / name}"' for name in NAMES[:2]))
    paste((STUDIO / NAMES[2]).as_uri())
    paste(str(STUDIO / NAMES[0]))
    assert names(extension) == NAMES


def test_a_pasted_folder_is_all_its_photos(extension):
    paste(str(STUDIO))
    assert len(extension.photos) == len(list(STUDIO.iterdir()))


def test_what_is_no_path_is_one_error_and_adds_nothing(extension):
    with pytest.raises(RuntimeError, match="no file or folder"):
        paste("holiday in Rome")
    assert not extension.photos


def test_a_loaded_image_is_its_file_and_a_packed_one_becomes_one(extension):
    linked = bpy.data.images.load(str(STUDIO / NAMES[0]))
    packed = bpy.data.images.load(str(STUDIO / NAMES[1]))
    packed.pack()
    packed.filepath = "//gone.jpg"
    assert bpy.ops.dust3r.add_loaded_images() == {"FINISHED"}
    assert bpy.ops.dust3r.add_loaded_images() == {"FINISHED"}
    files = [photo.absolute for photo in extension.photos]
    assert len(files) == 2 and files[0] == Path(linked.filepath)
    assert files[1].read_bytes() == (STUDIO / NAMES[1]).read_bytes()


def test_one_image_can_be_named(extension):
    for name in NAMES[:2]:
        bpy.data.images.load(str(STUDIO / name))
    bpy.ops.dust3r.add_loaded_images(image=NAMES[1])
    assert names(extension) == [NAMES[1]]
    with pytest.raises(RuntimeError, match="no image 'x'"):
        bpy.ops.dust3r.add_loaded_images(image="x")


def test_images_that_are_no_photos_are_refused_in_a_sentence(extension):
    bpy.data.images.new("painted", 8, 8)
    assert not bpy.ops.dust3r.add_loaded_images.poll()
    bpy.data.images.load(str(STUDIO / NAMES[0]))
    with pytest.raises(RuntimeError, match="'painted' was made here"):
        bpy.ops.dust3r.add_loaded_images(image="painted")
    bpy.data.images[NAMES[0]].filepath = "/no/such/photo.jpg"
    with pytest.raises(RuntimeError, match="is gone"):
        bpy.ops.dust3r.add_loaded_images()
    assert not extension.photos


def test_a_movie_is_no_photo(extension, tmp_path):
    (tmp_path / "walk.mp4").touch()
    with pytest.raises(RuntimeError, match=r"walk\.mp4 is a movie"):
        bpy.ops.dust3r.add_photos(directory=str(tmp_path), files=[{"name": "walk.mp4"}])


def test_photos_move_within_the_list_and_not_beyond_it(listed):
    listed.active_photo = 2
    for direction, order in (("UP", (0, 2, 1)), ("TOP", (2, 0, 1)), ("UP", (2, 0, 1)), ("DOWN", (0, 2, 1))):
        bpy.ops.dust3r.move_photo(direction=direction)
        assert names(listed) == [NAMES[k] for k in order]
        assert names(listed)[listed.active_photo] == NAMES[2]


def test_sorting_keeps_the_active_photo_and_everything_that_is_known_of_each(listed):
    bpy.ops.dust3r.sort_photos(key="NAME", reverse=True)
    assert names(listed) == NAMES[::-1]
    listed.active_photo, listed.photos[0].use = 0, False
    listed.photos[0].known = json.dumps({"focal": 300})
    bpy.ops.dust3r.sort_photos(key="NAME")
    assert names(listed) == NAMES
    assert listed.active_photo == 2
    assert [photo.use for photo in listed.photos] == [True, True, False]
    assert [photo.is_lens_known for photo in listed.photos] == [False, False, True]


def test_photos_sort_by_the_time_of_their_exif(extension, tmp_path):
    for name, second in (("a.jpg", 30), ("b.jpg", 10), ("c.jpg", 20)):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"2024:01:01 00:00:{second}"
        Image.new("RGB", (8, 8)).save(tmp_path / name, exif=exif)
    bpy.ops.dust3r.add_photos(directory=str(tmp_path))
    bpy.ops.dust3r.sort_photos(key="TIME")
    assert names(extension) == ["b.jpg", "c.jpg", "a.jpg"]


def test_a_thousand_photos_in_any_order_are_put_in_order(extension):
    numbers = np.random.default_rng(0).permutation(1000)
    for number in numbers:
        photo = extension.photos.add()
        photo.name, photo.path = f"IMG_{number}.jpg", f"/photos/IMG_{number}.jpg"
    bpy.ops.dust3r.sort_photos(key="NAME")
    assert names(extension) == [f"IMG_{number}.jpg" for number in range(1000)]


def test_only_photos_that_are_on_are_reconstructed(listed):
    listed.photos[1].use = False
    listed.photos[1].known = json.dumps({"focal": 300})
    assert listed.photos_text == "2 of 3 photos on"
    assert bpy.ops.dust3r.reconstruct(model="small", iterations=0, cameras="network") == {"FINISHED"}
    cameras = [thing.name for thing in bpy.data.objects if thing.type == "CAMERA"]
    assert sorted(cameras) == [NAMES[0], NAMES[2]]


def test_a_list_that_is_all_off_is_one_error(listed):
    bpy.ops.dust3r.switch_photos(action="OFF")
    with pytest.raises(RuntimeError, match="switched off"):
        bpy.ops.dust3r.reconstruct(model="small")
    listed.photos[0].use = True
    bpy.ops.dust3r.switch_photos(action="INVERT")
    assert [photo.use for photo in listed.photos] == [False, True, True]
    bpy.ops.dust3r.switch_photos(action="ON")
    assert all(photo.use for photo in listed.photos)


def test_the_list_says_size_focal_and_mask_of_each_photo(extension, tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 28
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGB", (30, 40)).save(tmp_path / "b.png")
    bpy.ops.dust3r.add_photos(directory=str(tmp_path))
    (tmp_path / "masks").mkdir()
    Image.new("L", (30, 40)).save(tmp_path / "masks" / "b.png")
    extension.masks = str(tmp_path / "masks")
    assert [(photo.size_text, photo.focal_text) for photo in extension.photos] == [
        ("40 × 30", "28 mm"),
        ("30 × 40", ""),
    ]
    assert [photo.is_masked for photo in extension.photos] == [False, True]
    (tmp_path / "masks" / "b.png").unlink()
    assert [photo.is_masked for photo in extension.photos] == [False, False]


def test_a_photo_that_is_gone_is_marked_and_breaks_nothing(extension):
    photo = extension.photos.add()
    photo.path = "/no/such/photo.jpg"
    assert (photo.facts, photo.size_text, photo.focal_text, photo.is_masked) == (None, "cannot be read", "", False)


def test_buttons_for_an_empty_list_say_so(extension):
    for name in ("move_photo", "sort_photos", "switch_photos", "keep_keyframes"):
        assert not getattr(bpy.ops.dust3r, name).poll(), name


def test_photos_and_movies_can_be_dropped(extension):
    handlers = {handler.bl_import_operator: handler for handler in bpy.types.FileHandler.__subclasses__()}
    assert ".jpg" in handlers["dust3r.add_photos"].bl_file_extensions.split(";")
    assert ".mp4" in handlers["dust3r.add_movie_frames"].bl_file_extensions.split(";")
    assert not handlers["dust3r.add_photos"].poll_drop(bpy.context)


@pytest.fixture
def five(extension, tmp_path):
    """a.png to e.png, of which c.png is no picture."""
    for name in "abcde":
        Image.new("RGB", (30, 20)).save(tmp_path / f"{name}.png")
    (tmp_path / "c.png").write_bytes(b"no picture")
    bpy.ops.dust3r.add_photos(directory=str(tmp_path))
    return extension


def order(settings):
    return "".join(photo.name[0] for photo in settings.photos)


def test_a_broken_photo_is_marked_at_once_and_takes_no_part(five):
    assert [photo.use for photo in five.photos] == [True, True, False, True, True]
    assert five.photos_text == "4 of 5 photos on"
    bpy.ops.dust3r.switch_photos(action="ON")
    assert not five.photos[2].use


def test_selected_photos_move_and_go_together(five):
    for number in (1, 3):
        five.photos[number].select = True
    bpy.ops.dust3r.move_photo(direction="UP")
    assert order(five) == "bdace"
    bpy.ops.dust3r.move_photo(direction="DOWN")
    assert order(five) == "abdce"
    bpy.ops.dust3r.move_photo(direction="BOTTOM")
    assert order(five) == "acebd"
    bpy.ops.dust3r.switch_photos(action="SELECTED")
    assert [photo.use for photo in five.photos] == [False, False, False, True, True]
    bpy.ops.dust3r.remove_photo()
    assert order(five) == "ace"
    bpy.ops.dust3r.remove_photo()  # the active one, where none is selected
    assert len(five.photos) == 2


def test_large_previews_come_a_page_at_a_time(extension):
    for number in range(30):
        extension.photos.add().name = f"{number}.png"
    assert extension.pages == 2 and len(extension.previewed) == 24
    extension.preview_page = 9
    assert extension.shown_page == 1 and extension.previewed[0].name == "24.png"
