"""What can be exported and how; imports nothing heavy, for the panel and --help."""

from dataclasses import dataclass

TRAINING_POINTS = 200_000  # what programs that begin a training with the points are given unless told


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write a reconstruction, for lists to choose from."""

    title: str
    note: str  # what is written, one clause
    entries: tuple[str, ...]  # what appears in the folder, if its name is known beforehand
    points: int = 0  # most points unless told; 0: all


FORMATS = {
    "colmap": Format(
        "COLMAP", "Binary files in sparse/0, photos in images", ("sparse", "images", "masks"), TRAINING_POINTS
    ),
    "colmap-text": Format(
        "COLMAP Text", "Text files in sparse/0, photos in images", ("sparse", "images", "masks"), TRAINING_POINTS
    ),
    "3dgs": Format(
        "Gaussian Splatting",
        "COLMAP's layout with points3D.ply to begin with",
        ("sparse", "images", "masks"),
        TRAINING_POINTS,
    ),
    "transforms": Format(
        "transforms.json",
        "For nerfstudio and instant-ngp: images/, points.ply",
        ("transforms.json", "images", "masks", "points.ply"),
        TRAINING_POINTS,
    ),
    "ply": Format("PLY", "The visible points, coloured", ("points.ply",)),
    "exr": Format(
        "Depth EXR",
        "Depth and confidence of each photo as 32-bit floats, cameras.json",
        ("depth", "confidence", "cameras.json"),
    ),
}
# Written by Blender's exporters, from a scene: one file, named as the reconstruction's collection.
SCENE_FORMATS = {
    "gltf": Format("glTF", "Cameras and visible points as the scene shows them, as .glb", ()),
    "usd": Format("USD", "Cameras and visible points as the scene shows them, as .usdc", ()),
}
ALL_FORMATS = FORMATS | SCENE_FORMATS


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What of a reconstruction is written. Raises ValueError for numbers that make no sense."""

    min_confidence: float | None = None  # of points, from 1; None: the reconstruction's own
    max_points: int | None = None  # an even choice of so many; 0: all; None: what the format says
    normals: bool = False  # in PLY: of the surface that each photo's depth map shows
    tracks: bool = False  # in COLMAP: join the points of several photos that show the same; else one photo each
    photos: bool = True  # copy the photos, upright, and their masks, where the format has a place for them

    def __post_init__(self) -> None:
        if self.max_points is not None and self.max_points < 0:
            raise ValueError(f"max_points must be at least 0, got {self.max_points}")

    def points_of(self, format_name: str) -> int | None:
        """Most points of a format; None: no limit."""
        wanted = ALL_FORMATS[format_name].points if self.max_points is None else self.max_points
        return wanted or None
