"""How a phone was held while it took a movie, as the movie's file says. Imports no torch."""

import logging
import struct
from pathlib import Path

from .boxes import FULL, boxes, top_level

log = logging.getLogger(__name__)

HANDLER = FULL + 4  # bytes before the kind of media in the box hdlr
MATRIX = {0: FULL + 36, 1: FULL + 48}  # bytes before the matrix in the box tkhd, by its version
ONE = 1 << 16  # 16.16 fixed point
QUARTERS = {(0, ONE, -ONE, 0): 1, (-ONE, 0, 0, -ONE): 2, (0, -ONE, ONE, 0): 3}  # by the matrix: ISO 14496-12, 8.3.2


def turn_of(movie: Path) -> int:
    """Quarter turns clockwise, 0 to 3, that make a frame as it is stored upright; 0 where the file tells of none.

    Only MP4 and QuickTime files tell, which is what phones write.
    """
    try:
        for kind, track in boxes(top_level(movie, b"moov")):
            if kind == b"trak" and _is_video(parts := dict(boxes(track))):
                return _quarters(parts[b"tkhd"])
    except (OSError, ValueError, LookupError, struct.error) as error:
        log.info("%s does not tell how it was held (%s)", movie, error)
    return 0


def _is_video(track: dict[bytes, bytes]) -> bool:
    media = dict(boxes(track.get(b"mdia", b"")))
    return media.get(b"hdlr", b"")[HANDLER : HANDLER + 4] == b"vide"


def _quarters(tkhd: bytes) -> int:
    a, b, _, c, d = struct.unpack_from(">5i", tkhd, MATRIX[tkhd[0]])
    return QUARTERS.get((a, b, c, d), 0)
