"""The contact sheet and its verb."""

import numpy as np
import pytest
from dust3r.cli.main import main
from dust3r.training.scenes.sheet import BAND, INVALID, MARGIN, contact_sheet, depth_pictures
from dust3r.training.scenes.source import ProceduralSource
from PIL import Image


def test_the_sheet_shows_each_photo_at_its_place():
    batch = ProceduralSource(1, 0.5).batch(0, 2, 3, 4, (40, 32))
    sheet = np.asarray(contact_sheet(batch))
    row = 2 * 32 + BAND + MARGIN
    for s in range(2):
        for v in range(3):
            photo = sheet[s * row : s * row + 32, v * (40 + MARGIN) : v * (40 + MARGIN) + 40]
            assert (photo == batch.images[s, v].permute(1, 2, 0).numpy()).all()


def test_near_is_brighter_than_far_and_no_point_is_violet():
    depth = np.array([[[1.0, 2.0, 4.0, 0.0]]], np.float32)
    pictures = depth_pictures(depth, depth > 0)[0, 0]
    brightness = pictures[:3, :2].sum(-1)
    assert brightness[0] > brightness[1] > brightness[2]
    assert tuple(pictures[3]) == INVALID


def test_the_verb_writes_a_sheet_of_the_asked_size(tmp_path):
    file = tmp_path / "new" / "sheet.png"
    few = ["--scenes", "1", "--views", "2", "--size", "48x32", "--quiet"]
    assert main(["samples", "--output", str(file), "--seed", "1000000", "--difficulty", "1", *few]) == 0
    assert Image.open(file).size == (2 * 48 + MARGIN, 2 * 32 + BAND)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "wide"], "not a width and a height"),
        (["--size", "4x9000"], "between 16 and"),
        (["--scenes", "0"], "1 or more"),
        (["--difficulty", "2"], "difficulty"),
        (["--textures", "nowhere"], "not a folder"),
    ],
)
def test_the_verb_says_what_cannot_be_shown(tmp_path, capsys, arguments, words):
    file = tmp_path / "sheet.png"
    assert main(["samples", "--output", str(file), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not file.exists()


def test_the_verb_refuses_another_format(tmp_path, capsys):
    assert main(["samples", "--output", str(tmp_path / "sheet.jpg")]) == 2
    assert ".png" in capsys.readouterr().err
