"""HEIC photos of a phone on the command line, from the folder to what other programs read."""

import json
import sys
from pathlib import Path

import numpy as np
from dust3r.core.images import reader as photos
from dust3r.tests.heic_photos import write_heic
from PIL import Image

STUDIO = Path(__file__).resolve().parents[3] / "samples" / "studio" / "images"
NAMES = [f"IMG_{number}.HEIC" for number in (1, 2, 3)]


def _phone_folder(folder: Path) -> Path:
    """The same picture size, but each stored as another way of holding the phone leaves it."""
    folder.mkdir()
    for name, source, turn in zip(NAMES, sorted(STUDIO.iterdir()), (1, 6, 8), strict=False):
        with Image.open(source) as image:
            small = np.asarray(image.convert("RGB").resize((160, 120)))
        write_heic(folder / name, small, turn, details={0xA405: 28})
    return folder


def test_a_folder_of_heic_photos_becomes_cameras_and_a_colmap_model(run, tmp_path):
    folder = _phone_folder(tmp_path / "photos")
    (folder / "IMG_4.HEIC").write_bytes((folder / NAMES[0]).read_bytes()[:2000])
    quick = ("--model", "small", "--iterations", 0, "--exif-focal", "--job", tmp_path / "job")
    code, out, _ = run("reconstruct", folder, *quick, "--cameras", tmp_path / "cameras.json")
    assert code == 0 and "IMG_4.HEIC cannot be read" in out
    cameras = json.loads((tmp_path / "cameras.json").read_text())["photos"]
    assert list(cameras) == NAMES
    assert all((camera["width"], camera["height"]) == (160, 120) for camera in cameras.values())
    assert run("export", tmp_path / "job", "--format", "colmap-text", "--output", tmp_path / "out")[0] == 0
    for name in NAMES:
        with Image.open(tmp_path / "out" / "images" / f"{name}.jpg") as image:
            assert image.size == (160, 120)
    code, _, said = run("mesh", tmp_path / "job", "--output", tmp_path / "mesh.obj", "--kind", "grid")
    assert code == 0, said


def test_without_pillow_heif_the_command_line_says_what_is_missing(run, tmp_path, monkeypatch):
    folder = _phone_folder(tmp_path / "photos")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    photos._readable_formats.cache_clear()
    try:
        code, _, said = run("reconstruct", folder, "--model", "small", "--cameras", tmp_path / "c.json", "--quiet")
    finally:
        photos._readable_formats.cache_clear()
    assert code == 2 and not (tmp_path / "c.json").exists()
    assert "IMG_1.HEIC is a HEIC photo" in said and "pip install pillow-heif" in said and "Traceback" not in said
