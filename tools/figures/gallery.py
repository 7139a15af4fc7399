"""Makes gallery_<set>.jpg: photos, their points with the cameras, and a look through one camera.

usage: .venv/bin/python tools/figures/gallery.py [--model NAME] [--device cuda] [--into FOLDER] [FOLDER…]

A FOLDER holds photos, or images/ and cameras.json with the true cameras; without any, gallery_studio.jpg and
gallery_buddha.jpg are made of samples/. The look is a test: left of the line is the camera's photo, right of it what
the other photos' points show from there (points lie on their own photo in any case). Prints the figures of
docs/models.md, a row of its table for each set, and the warnings.
"""

import argparse
import importlib
import itertools
import os
import tempfile
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector
from PIL import Image, ImageOps
from studio import IMAGES, ROOT, ours

HEIGHT, GAP = 300, 6  # pixels of a strip; between its parts
PHOTOS_WIDE, OUTSIDE_WIDE = 320, 420
MOST_PHOTOS = 16
DOWN = 0.5  # the view from outside looks down by this, for each 1 ahead
MIDDLE = 4, 96  # percentiles along each axis: the points that it has to show
SYMBOL = 0.12  # of a camera, of the middle distance between cameras and points
CAMERA, SHOWN_CAMERA, BEHIND = (1.0, 0.35, 0.02), (0.1, 0.8, 1.0), (0.02, 0.02, 0.02)


def main() -> None:
    parser = argparse.ArgumentParser()
    samples = [ROOT / "samples" / name for name in ("studio", "buddha")]
    parser.add_argument("folders", type=Path, nargs="*", default=samples)
    parser.add_argument("--model")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--into", type=Path, default=IMAGES)
    asked = parser.parse_args()
    path, device = (
        ours("core.checkpoints.local").find_model(asked.model),
        ours("core.runtime.device").pick_device(asked.device),
    )
    model = ours("core.checkpoints.loading").load_model(path, device)
    settings = ours("core.settings").ReconstructionSettings(device=asked.device)
    print("| set | photos | agree to | AUC@30 | RRA@15 | RTA@15 | focal |")
    for folder in asked.folders:
        photos = ours("core.images.reader").find_photos([folder / "images" if (folder / "images").is_dir() else folder])
        result = ours("core.pipeline.reconstruct").reconstruct(photos, model, settings)
        row = [folder.resolve().name, f"{len(photos)}", *figures(folder, result)]
        print(f"| {' | '.join(row)} |", *result.warnings, sep="\n")
        strip(result).save(asked.into / f"gallery_{row[0]}.jpg", quality=80)


def figures(folder: Path, result: Any) -> list[str]:
    """How far photos' points are apart in other photos; where the true cameras are known, how near the found are."""
    apart = ours("core.quality.measure").measure(result).reprojection
    agree = "-" if apart is None else f"{apart:.1f} px"
    if not (folder / "cameras.json").is_file():
        return [agree, *4 * ["-"]]
    scoring = ours("evaluation.exam.scoring")
    found = {view.path.name: ours("evaluation.exam.found").found_photo(view) for view in result.views}
    exam = scoring.camera_figures(scoring.read_truth(folder), found)
    return [agree, *(f"{exam[key]:.0f} %" for key in ("auc30", "rra15", "rta15", "focal"))]


def room(name: str) -> Any:
    """A module of the package's functions about Blender's data."""
    return importlib.import_module(f"dust3r.operators.scene.{name}")


def strip(result: Any) -> Image.Image:
    """A set's photos, its points with the cameras, and a look through the camera in the middle of the order."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.data.scenes[0]
    scene.world = bpy.data.worlds.new("Behind")
    scene.world.color = BEHIND
    collection = room("reconstruction").add_reconstruction(scene, result)
    shown = len(result.views) // 2
    parts = [contact_sheet([view.path for view in result.views]), from_outside(scene, collection, shown)]
    parts.append(look_through(scene, collection, result.views[shown].path, shown))
    picture = Image.new("RGB", (sum(part.width + GAP for part in parts) - GAP, HEIGHT), "white")
    x = 0
    for part in parts:
        picture.paste(part, (x, 0))
        x += part.width + GAP
    return picture


def contact_sheet(paths: list[Path]) -> Image.Image:
    """The photos in as many columns as leave them largest."""
    paths = paths[:: -(-len(paths) // MOST_PHOTOS)]
    with Image.open(paths[0]) as first:
        shape = first.height / first.width
    cells = [(_cell_width(len(paths), columns, shape), -columns) for columns in range(1, len(paths) + 1)]
    width, columns = max(cells)[0], -max(cells)[1]
    height, inner = int(width * shape), width - GAP // 2
    sheet = Image.new("RGB", (columns * width, HEIGHT), "white")
    for k, path in enumerate(paths):
        small = ImageOps.contain(upright(path), (inner, height - GAP // 2))
        sheet.paste(small, (k % columns * width, k // columns * height))
    return sheet


def _cell_width(count: int, columns: int, shape: float) -> int:
    rows = -(-count // columns)
    return int(min(PHOTOS_WIDE / columns, HEIGHT / rows / shape))


def upright(path: Path) -> Image.Image:
    with Image.open(path) as photo:
        return ImageOps.exif_transpose(photo).convert("RGB")


def from_outside(scene: Any, collection: Any, shown: int) -> Image.Image:
    """The points and all cameras from behind and above these."""
    cameras = room("reading").photo_cameras(collection)
    cloud = room("reading").find_points(collection)
    points = room("point_cloud").confident_points(cloud, list(range(len(cameras))))
    places = np.array([camera.matrix_world.translation for camera in cameras])
    size = SYMBOL * float(np.median(np.linalg.norm(places - np.median(points, axis=0), axis=1)))
    drawn = [draw_camera(collection, camera, size, k == shown) for k, camera in enumerate(cameras)]
    outside = outside_camera(scene, collection, points, places)
    outside.data.clip_start, outside.data.clip_end = size / 10, size * 1e4
    picture = rendered(scene, outside, (OUTSIDE_WIDE, HEIGHT))
    for lines in drawn:
        bpy.data.objects.remove(lines)
    return picture


def outside_camera(scene: Any, collection: Any, points: Any, places: Any) -> Any:
    """A new camera that looks as the photos' do, but down, from where it shows all their places and most points."""
    low, high = np.percentile(points, MIDDLE, axis=0)
    corners = np.array(list(itertools.product(*zip(low, high, strict=True))))
    ahead = Vector((np.median(points, axis=0) - places.mean(axis=0)).tolist())
    ahead.z = -DOWN * ahead.xy.length
    camera: Any = bpy.data.objects.new("Outside", bpy.data.cameras.new("Outside"))
    turn = ahead.to_track_quat("-Z", "Y").to_matrix().to_4x4()
    camera.matrix_world = turn
    collection.objects.link(camera)
    scene.render.resolution_x, scene.render.resolution_y = OUTSIDE_WIDE, HEIGHT
    bpy.context.view_layer.update()
    seen = np.concatenate([places, corners]).ravel().tolist()
    place, _ = camera.camera_fit_coords(bpy.context.evaluated_depsgraph_get(), seen)
    camera.matrix_world = Matrix.Translation(place) @ turn
    return camera


def draw_camera(collection: Any, camera: Any, size: float, shown: bool) -> Any:
    """A camera's frame and the four lines to it, as a new curve object."""
    frame = [corner * (size / abs(corner.z)) for corner in camera.data.view_frame()]
    curve: Any = bpy.data.curves.new("Camera", "CURVE")
    curve.dimensions, curve.bevel_depth = "3D", size * (0.05 if shown else 0.025)
    for line in (frame, *([corner, Vector()] for corner in frame)):
        spline = curve.splines.new("POLY")
        spline.points.add(len(line) - 1)
        spline.points.foreach_set("co", [value for corner in line for value in (*corner, 1.0)])
        spline.use_cyclic_u = len(line) > 2
    material = bpy.data.materials.new("Camera")
    room("materials").emit(material).inputs["Color"].default_value = (*(SHOWN_CAMERA if shown else CAMERA), 1.0)
    curve.materials.append(material)
    lines = bpy.data.objects.new("Camera", curve)
    lines.matrix_world = camera.matrix_world
    collection.objects.link(lines)
    return lines


def look_through(scene: Any, collection: Any, path: Path, shown: int) -> Image.Image:
    """The left half of a photo, and the right half of what the other photos' points show from its camera."""
    camera = room("reading").photo_cameras(collection)[shown]
    room("photo_visibility").switch_photos(collection, [shown])
    room("viewpoints").look_through(scene, camera)
    photo = upright(path)
    half = round(HEIGHT * photo.width / photo.height / 2)
    picture = rendered(scene, camera, (2 * half, HEIGHT))
    picture.paste(photo.resize(picture.size).crop((0, 0, half, HEIGHT)))
    picture.paste("white", (half - 1, 0, half + 1, HEIGHT))
    return picture


def rendered(scene: Any, camera: Any, size: tuple[int, int]) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder:
        room("render").render_still(scene, Path(folder) / "still.png", size=size, camera=camera, samples=16)
        with Image.open(Path(folder) / "still.png") as image:
            return image.convert("RGB")


if __name__ == "__main__":
    main()
    os._exit(0)  # Blender may crash as the interpreter ends
