"""What the alignment is told of the photos' lenses: by the user, and by EXIF where that is wanted."""

from collections.abc import Sequence
from dataclasses import replace

from .alignment.notices import listed
from .exif import EXIF_SPREAD
from .given import Given
from .images import View
from .known_camera import KnownCamera
from .photos import SIDEWAYS
from .pixel_mapping import PixelMapping
from .settings import AlignmentSettings

UNKNOWN = KnownCamera()


def told_of(views: Sequence[View], given: Given, settings: AlignmentSettings) -> list[KnownCamera]:
    """What is known of every view's camera; with exif_focal, a focal that the user did not give is EXIF's, roughly."""
    known = [given.cameras.get(view.path.resolve(), UNKNOWN) for view in views]
    return [
        _with_exif(camera, view) if settings.exif_focal else camera for camera, view in zip(known, views, strict=True)
    ]


def _with_exif(camera: KnownCamera, view: View) -> KnownCamera:
    focal = exif_focal(view)
    if focal is None or camera.focal is not None:
        return camera
    return replace(camera, focal=focal, focal_spread=EXIF_SPREAD, focal_source="exif")


def exif_focal(view: View) -> float | None:
    """The focal in photo pixels that EXIF states; None where it states none that is plausible."""
    return view.tags.focal_pixels(_stored_size(view))


def _stored_size(view: View) -> tuple[int, int]:
    """(width, height) of the photo's file, before its EXIF turn."""
    width, height = view.mapping.photo_size
    return (height, width) if view.mapping.exif_orientation in SIDEWAYS else (width, height)


def lenses_of(views: Sequence[View]) -> list[tuple[object, ...] | None]:
    """By view: equal for photos of one camera, lens, zoom and size, however it was held; None where EXIF names none."""
    return [
        None if view.tags.identity is None else (*view.tags.identity, *sorted(view.mapping.photo_size))
        for view in views
    ]


def lens_notices(views: Sequence[View], settings: AlignmentSettings) -> list[str]:
    """One sentence on focals in EXIF that are not used, one on what shared_focal could not learn from it."""
    wrong = [
        view.name
        for view in views
        if exif_focal(view) is None and view.tags.stated_focal(_stored_size(view)) is not None
    ]
    nameless = [view.name for view in views if view.tags.identity is None]
    notices = []
    if settings.exif_focal and wrong:
        notices.append(
            f"EXIF's focal length of {listed(wrong)} is not used: the photo was cropped since, or no lens has it"
        )
    if settings.shared_focal == "exif" and nameless:
        notices.append(f"EXIF names no camera of {listed(nameless)}: each of them has a focal length of its own")
    return notices


def in_square_pixels(
    views: Sequence[View], known: Sequence[KnownCamera]
) -> tuple[list[PixelMapping], list[KnownCamera]]:
    """Mappings and cameras of photos stretched in height by fx / fy where both are known: there one focal is exact."""
    pairs = [_stretched(view.mapping, camera) for view, camera in zip(views, known, strict=True)]
    return [mapping for mapping, _ in pairs], [camera for _, camera in pairs]


def _stretched(mapping: PixelMapping, camera: KnownCamera) -> tuple[PixelMapping, KnownCamera]:
    if camera.focal is None or camera.principal_point is None or camera.focal_y is None:
        return mapping, camera
    ratio = camera.focal / camera.focal_y
    scale, offset, centre = ((x, y * ratio) for x, y in (mapping.scale, mapping.offset, camera.principal_point))
    square = replace(camera, principal_point=centre, focal_y=None)
    return replace(mapping, scale=scale, offset=offset), square
