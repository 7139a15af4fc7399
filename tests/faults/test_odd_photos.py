"""Photos of odd sizes, colours and kinds, in every verb that takes photos: it does its work, or one sentence says why.

What is damaged or hostile is in test_images.py; these are whole.
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from dust3r.cli.main import main
from dust3r.core.errors import InputError
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction
from dust3r.tests.faults.amount import FULL
from PIL import Image

SIZES = ((1, 1), (2, 2), (15, 15), (16, 16), (17, 31), (60, 90), (96, 96), (1, 4000), (16, 4000), (4000, 16))
USUAL = (128, 96)
MODEL = ("--model", "small", "--device", "cpu", "--quiet")
RECIPE = (*MODEL, "--cameras-from", "network")
LENIENT = ("--min-inliers", "3", "--min-inlier-share", "0.001")


def _picture(size=USUAL) -> Image.Image:
    y, x = np.mgrid[: size[1], : size[0]]
    waves = 0.5 + 0.45 * np.sin(np.stack([x / 9, y / 7, (x + y) / 11], axis=-1))
    return Image.fromarray((255 * waves).astype(np.uint8))


def _deep_png(path: Path, values: np.ndarray, color_type: int) -> None:
    """16 bits a channel (PNG specification, section 11.2), which Pillow reads and cannot write in colour."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def _write(folder: Path, kind: str) -> Path:
    """A photo of a kind: a size, or a name of `KINDS`."""
    if kind[0].isdigit():
        path = folder / f"{kind}.png"
        _picture(tuple(map(int, kind.split("x")))).save(path)
        return path
    path, picture = folder / kind.replace(" ", "."), _picture()
    KINDS[kind](picture, path)
    return path


def _clear(picture: Image.Image, path: Path) -> None:
    picture = picture.convert("RGBA")
    picture.putalpha(0)
    picture.save(path)


def _pages(picture: Image.Image, path: Path) -> None:
    picture.save(path, save_all=True, append_images=[picture.transpose(Image.Transpose.ROTATE_180)])


def _grey(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"))


KINDS = {
    "grey png": lambda picture, path: picture.convert("L").save(path),
    "onebit png": lambda picture, path: picture.convert("1").save(path),
    "grey-alpha png": lambda picture, path: picture.convert("LA").save(path),
    "grey16 png": lambda picture, path: Image.fromarray(_grey(picture).astype(np.uint16) * 257).save(path),
    "grey16 tif": lambda picture, path: Image.fromarray(_grey(picture).astype(np.uint16) * 257).save(path),
    "integers tif": lambda picture, path: Image.fromarray(_grey(picture).astype(np.int32) * 257).save(path),
    "floats tif": lambda picture, path: Image.fromarray(_grey(picture).astype(np.float32) / 255).save(path),
    "nan tif": lambda picture, path: Image.fromarray(np.full(USUAL[::-1], np.nan, np.float32)).save(path),
    "rgb16 png": lambda picture, path: _deep_png(path, np.asarray(picture).astype(np.uint16) * 257, 2),
    "cmyk jpg": lambda picture, path: picture.convert("CMYK").save(path),
    "cmyk tif": lambda picture, path: picture.convert("CMYK").save(path),
    "lab tif": lambda picture, path: picture.convert("LAB").save(path),
    "palette png": lambda picture, path: picture.convert("P").save(path, transparency=bytes([0] * 99 + [255] * 157)),
    "one-colour-clear png": lambda picture, path: picture.convert("P").save(path, transparency=3),
    "clear png": _clear,
    "black png": lambda picture, path: Image.new("RGB", picture.size).save(path),
    "two gif": _pages,
    "two tif": _pages,
    "two png": _pages,
}
ALL = (*(f"{width}x{height}" for width, height in SIZES), *KINDS)
FEW = ("2x2", "60x90", "black png")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A result whose photos are of no size that the network takes, and a photo."""
    folder = tmp_path_factory.mktemp("world")
    make_reconstruction(folder, SHOTS[:2]).save(folder / "result")
    _picture().save(folder / "usual.png")
    return folder / "result", folder / "usual.png"


def _posed(folder: Path, photo: Path, other: Path) -> Path:
    """Both photos with cameras and depth, for `evaluate` and as a map."""
    entries = {}
    for kind in ("images", "depth"):
        (folder / kind).mkdir(parents=True)
    for number, path in enumerate((photo, other)):
        with Image.open(path) as image:
            width, height = image.size
        pose = np.eye(4)
        pose[0, 3] = number
        (folder / "images" / path.name).write_bytes(path.read_bytes())
        np.savez(folder / "depth" / f"{path.stem}.npz", depth=np.ones((height, width), np.float32))
        K = [[100, 0, width / 2], [0, 100, height / 2], [0, 0, 1]]
        entries[path.name] = {"width": width, "height": height, "K": K, "cam2world": pose.tolist()}
    (folder / "cameras.json").write_text(json.dumps({"photos": entries}))
    return folder


def _calls(folder: Path, photo: Path, world: Path, usual: Path) -> list[tuple]:
    masks = folder / "masks"
    masks.mkdir()
    (masks / f"{usual.stem}{photo.suffix}").write_bytes(photo.read_bytes())
    posed, job = _posed(folder / "posed", photo, usual), folder / "job"
    return [
        ("reconstruct", photo, *RECIPE, "--cameras", folder / "cameras.json"),
        ("reconstruct", photo, usual, *RECIPE, "--job", job),
        ("reconstruct", usual, *RECIPE, "--masks", masks, "--cameras", folder / "cameras.json"),
        ("reconstruct", photo, usual, *RECIPE, "--known", posed, "--cameras", folder / "cameras.json"),
        ("localize", job, usual, *MODEL, *LENIENT),
        ("localize", world, photo, *MODEL, *LENIENT),
        ("localize", posed, usual, *MODEL, *LENIENT),
        ("mesh", job, "--output", folder / "mesh.obj", "--quiet"),
        ("report", job, "--quiet"),
        ("predict", photo, usual, *MODEL, "--output", folder / "pair.npz"),
        ("match", photo, usual, *MODEL, "--output", folder / "matches.csv"),
        ("relative-pose", photo, usual, *MODEL, "--output", folder / "pose.json"),
        ("evaluate", posed, *RECIPE),
        ("keyframes", photo, usual, "--frames", "auto:1", "--output", folder / "kept.txt", "--quiet"),
    ]


@pytest.mark.parametrize("kind", ALL if FULL else FEW)
def test_an_odd_photo_is_used_or_refused_in_one_sentence_by_every_verb(tmp_path, capsys, world, kind):
    photo = _write(tmp_path, kind)
    for call in _calls(tmp_path, photo, *world):
        code, said = main([str(word) for word in call]), capsys.readouterr().err.strip()
        assert code in (0, InputError.exit_code), f"{call}: {said}"
        assert len(said.splitlines()) == bool(code), f"{call}: {said}"
        assert "Unexpected" not in said and "Traceback" not in said
