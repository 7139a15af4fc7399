"""Makes export.jpg: one photo of the studio and what an export writes of it, read back from the files.

From left to right: the photo, its mask (what is nearer than 3.6 metres), its depth, the points of all photos with their
normals as colours, as that photo's camera sees them in transforms.json.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from studio import IMAGES, ours, true_reconstruction

SHOWN, NEAR = "studio_04.jpg", 3.6  # metres
PANEL = (288, 216)


def main() -> None:
    result = true_reconstruction(NEAR)
    formats, settings = ours("core.export.formats"), ours("core.export.settings").ExportSettings
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        formats.export_reconstruction(result, out / "nerf", "transforms")
        formats.export_reconstruction(result, out / "ply", "ply", settings(normals=True))
        formats.export_reconstruction(result, out / "exr", "exr")
        frames = json.loads((out / "nerf" / "transforms.json").read_text())
        frame = next(one for one in frames["frames"] if one["file_path"].endswith(SHOWN))
        panels = [Image.open(out / "nerf" / frame[key]).convert("RGB") for key in ("file_path", "mask_path")]
        depth = _read_exr(out / "exr" / "depth" / f"{SHOWN}.exr", panels[0].size)
        shades = np.where(depth > 0, 255 * np.clip(1.1 - depth / NEAR, 0, 1), 0)
        panels.append(Image.fromarray(np.uint8(shades)).convert("RGB"))
        panels.append(_normals(out / "ply" / "points.ply", frames | frame))
    picture = Image.new("RGB", (len(panels) * PANEL[0], PANEL[1]))
    for k, panel in enumerate(panels):
        picture.paste(panel.resize(PANEL), (k * PANEL[0], 0))
    picture.save(IMAGES / "export.jpg", quality=85)


def _read_exr(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W) of one uncompressed channel, whose lines are the end of the file."""
    width, height = size
    line = np.dtype([("head", "<i4", 2), ("pixels", "<f4", width)])
    return np.frombuffer(path.read_bytes()[-height * line.itemsize :], line)["pixels"]


def _normals(path: Path, camera: dict[str, Any]) -> Image.Image:
    """Each point's normal as a colour, where a camera of transforms.json sees it."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    kinds = {"float": "<f4", "uchar": "u1", "int": "<i4"}
    fields = [line.split()[1:] for line in head.decode().splitlines() if line.startswith("property")]
    points = np.frombuffer(body, [(name, kinds[kind]) for kind, name in fields])
    position, normal = (
        np.stack([points[name] for name in names], -1) for names in (("x", "y", "z"), ("nx", "ny", "nz"))
    )
    position, normal = (values[:, [0, 2, 1]] * (1, 1, -1) for values in (position, normal))  # to z up
    pose = np.array(camera["transform_matrix"])
    x, y, z = ((position - pose[:3, 3]) @ pose[:3, :3]).T
    z = np.where(z < -0.1, z, np.nan)
    columns, rows = camera["fl_x"] * x / -z + camera["cx"], camera["fl_y"] * y / z + camera["cy"]
    seen = np.flatnonzero((columns >= 0) & (columns < camera["w"]) & (rows >= 0) & (rows < camera["h"]))
    seen = seen[np.argsort(z[seen])]  # what is nearer covers what is further
    panel = np.zeros((camera["h"], camera["w"], 3), np.uint8)
    shades = np.uint8(127.5 + 127.5 * np.nan_to_num(normal @ pose[:3, :3]))
    panel[rows[seen].astype(int), columns[seen].astype(int)] = shades[seen]
    return Image.fromarray(panel)


if __name__ == "__main__":
    main()
