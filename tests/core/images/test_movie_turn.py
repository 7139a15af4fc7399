"""How a phone was held, from the boxes of the movie that it wrote."""

import struct

import pytest
from dust3r.core.images.video import turn_of

ONE = 1 << 16
MATRICES = {0: (ONE, 0, 0, ONE), 1: (0, ONE, -ONE, 0), 2: (-ONE, 0, 0, -ONE), 3: (0, -ONE, ONE, 0)}


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def track(handler: bytes, matrix: tuple[int, ...], version: int = 0) -> bytes:
    a, b, c, d = matrix
    before = bytes([version, 0, 0, 0]) + bytes((20 if version == 0 else 32) + 16)
    tkhd = before + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + bytes(8)
    return box(b"trak", box(b"tkhd", tkhd) + box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(12))))


def movie(*tracks: bytes) -> bytes:
    return box(b"ftyp", b"qt  ") + box(b"mdat", bytes(1000)) + box(b"moov", b"".join(tracks))


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("version", [0, 1])
def test_the_picture_track_tells_and_no_other(tmp_path, quarters, version):
    sound, picture = track(b"soun", MATRICES[2]), track(b"vide", MATRICES[quarters], version)
    (tmp_path / "a.mov").write_bytes(movie(sound, picture))
    assert turn_of(tmp_path / "a.mov") == quarters


def test_a_movie_whose_pictures_lie_in_a_box_of_64_bits_is_read(tmp_path):
    data = movie(track(b"vide", MATRICES[3]))
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 1000) + bytes(1000)
    (tmp_path / "a.mp4").write_bytes(data.replace(box(b"mdat", bytes(1000)), large))
    assert turn_of(tmp_path / "a.mp4") == 3


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"words", b"\0\0\0\1moov" + bytes(8)),
        *(movie(), movie(box(b"trak", b"")), movie(track(b"soun", MATRICES[1]))),
        *(movie(track(b"vide", MATRICES[1]))[:-30], movie(track(b"vide", (ONE // 2, 0, 0, ONE)))),
    ],
)
def test_what_does_not_tell_is_taken_as_it_is_stored(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    assert turn_of(tmp_path / "a.mp4") == 0
    assert turn_of(tmp_path / "gone.mp4") == 0
