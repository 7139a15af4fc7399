"""Small folders in the published data sets' own layouts, of a room in closed form, and a network that knows it."""

import gzip
import json

import numpy as np
import torch
from dust3r.core.inference.prediction import Prediction
from dust3r.core.progress import silent
from dust3r.tests.box_room import HALF, intrinsics, look_at, render
from PIL import Image
from scipy.spatial.transform import Rotation

TO_PYTORCH3D = np.diag([-1.0, -1, 1])


def poses(count, seed=0):
    """cam2world (4, 4) of cameras in the room."""
    rng = np.random.default_rng(seed)
    return [look_at(eye) for eye in rng.uniform((-1, -0.5, -1.3), (1, 0.5, -0.7), (count, 3))]


class ExactRoom:
    """What the network would say if it knew the room: every pixel's point, in a unit of its own for every pair."""

    def __init__(self):
        self.cameras = {}  # resolved path -> (K, cam2world)

    def photo(self, path, K, cam2world, size):
        """Write a photo of the room; returns its true depth (H, W)."""
        colors, depth, _ = render(K, cam2world, size)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(colors).save(path)
        self.cameras[path.resolve()] = (K, cam2world)
        return depth

    def points(self, view):
        """(H, W, 3), world, at the network's pixels."""
        K, cam2world = self.cameras[view.path.resolve()]
        pixels = view.mapping.photo_pixels()
        rays = np.concatenate([(pixels - K[:2, 2]) / K[[0, 1], [0, 1]], np.ones((*pixels.shape[:2], 1))], axis=-1)
        directions = rays @ cam2world[:3, :3].T
        with np.errstate(divide="ignore"):
            depth = ((np.sign(directions) * HALF - cam2world[:3, 3]) / directions).min(axis=-1)
        return cam2world[:3, 3] + directions * depth[..., None]

    def predict(self, network, views, edges, report=silent, batch_pixels=None):
        """In place of `inference.predict`."""
        found = []
        for edge in edges:
            world2cam = np.linalg.inv(self.cameras[views[edge.i].path.resolve()][1])
            sides = [
                torch.from_numpy(0.3 * (self.points(views[k]) @ world2cam[:3, :3].T + world2cam[:3, 3])).float()
                for k in edge
            ]
            found.append(Prediction(edge, *sides, *(torch.full(side.shape[:2], 5.0) for side in sides)))
        return found


def write_jgz(path, content):
    with gzip.open(path, "wt") as file:
        json.dump(content, file)


def save_millimetres(path, depth):
    Image.fromarray(np.rint(1000 * depth).astype(np.uint16)).save(path)


def co3d(root, room, category="apple", sequence="110_1", count=50, size=(64, 48)):
    """One test sequence; returns cam2world of every frame by its path in the data set."""
    K, frames, true = intrinsics(size), [], {}
    for number, pose in enumerate(poses(count)):
        path = f"{category}/{sequence}/images/frame{number + 1:06d}.jpg"
        room.photo(root / path, K, pose, size)
        R = pose[:3, :3] @ TO_PYTORCH3D  # x_cam = x_world R + T
        viewpoint = {"R": R.tolist(), "T": (-R.T @ pose[:3, 3]).tolist(), "intrinsics_format": "ndc_isotropic"}
        viewpoint |= {"focal_length": [1.6, 1.6], "principal_point": [0.0, 0.0]}
        image = {"path": path, "size": [size[1], size[0]]}
        frames.append({"sequence_name": sequence, "frame_number": number, "image": image, "viewpoint": viewpoint})
        true[path] = pose
    folder = root / category
    write_jgz(folder / "frame_annotations.jgz", frames)
    scores = {sequence: 0.9, "blurred": 0.3, "unscored": None}
    quality = [{"sequence_name": name, "viewpoint_quality_score": score} for name, score in scores.items()]
    write_jgz(folder / "sequence_annotations.jgz", quality)
    test = [[name, k, path] for name in scores for k, path in enumerate(true)]
    (folder / "set_lists").mkdir()
    lists = {"train": [], "val": [], "test": test}
    (folder / "set_lists" / "set_lists_fewview_dev.json").write_text(json.dumps(lists))
    return true


def re10k(root, room, clip="000c3ab189999a83", count=12, size=(64, 48), shown=None):
    """One test clip, of which the first `shown` frames are there."""
    lines, K = ["https://www.youtube.com/watch?v=somewhere"], intrinsics(size)
    for number, pose in enumerate(poses(count, seed=1)):
        timestamp = 45_000_000 + 33_333 * number
        lens = [K[0, 0] / size[0], K[1, 1] / size[1], 0.5, 0.5, 0, 0]
        numbers = [*lens, *np.linalg.inv(pose)[:3].ravel()]
        lines.append(" ".join([str(timestamp), *(f"{value:.9f}" for value in numbers)]))
        if shown is None or number < shown:
            room.photo(root / "frames" / "test" / clip / f"{timestamp}.png", K, pose, size)
    (root / "test").mkdir(exist_ok=True)
    (root / "test" / f"{clip}.txt").write_text("\n".join(lines) + "\n")


def seven_scenes(root, room, scene="chess", size=(640, 480)):
    """A scene of a training sequence of three frames and a test sequence of two."""
    for sequence, of_sequence in (("seq-01", poses(3, seed=2)), ("seq-02", poses(2, seed=3))):
        for number, pose in enumerate(of_sequence):
            frame = root / scene / sequence / f"frame-{number:06d}"
            room.photo(frame.with_name(f"{frame.name}.color.png"), intrinsics(size, 525), pose, size)
            raw = render(intrinsics(size, 585), pose, size)[1]
            raw[:20] = 65.535  # the mark for unknown
            save_millimetres(frame.with_name(f"{frame.name}.depth.png"), raw)
            np.savetxt(frame.with_name(f"{frame.name}.pose.txt"), pose, fmt="%.7e", delimiter="\t")
    (root / scene / "TrainSplit.txt").write_text("sequence1\n")
    (root / scene / "TestSplit.txt").write_text("sequence2\n")


def cambridge(root, room, scene="ShopFacade", size=(640, 360)):
    """A scene of three training photos and two test photos, with a VisualSFM model of all."""
    names = [f"seq{1 + k // 3}/frame{k + 1:05d}.png" for k in range(5)]
    K, cameras = intrinsics(size), dict(zip(names, poses(5, seed=4), strict=True))
    folder, head = root / scene, "Visual Landmark Dataset V1\nImageFile, Camera Position [X Y Z W P Q R]\n\n"
    for name, pose in cameras.items():
        room.photo(folder / name, K, pose, size)
    for listing, some in (("train", names[:3]), ("test", names[3:])):
        lines = [f"{name} {_numbers(cameras[name][:3, 3])} {_turn(cameras[name])}" for name in some]
        (folder / f"dataset_{listing}.txt").write_text(head + "\n".join(lines) + "\n")
    views = [
        f"{name.replace('.png', '.jpg')}\t{K[0, 0]} {_turn(pose)} {_numbers(pose[:3, 3])} 0 0"
        for name, pose in cameras.items()
    ]
    points = _sparse_points(K, list(cameras.values()), size)
    parts = ["NVM_V3", "", str(len(views)), *views, "", str(len(points)), *points, "", "0"]
    (folder / "reconstruction.nvm").write_text("\n".join(parts) + "\n")


def _sparse_points(K, cameras, size, each=150):
    """NVM lines of points on the walls: place, colour, and where which photos show them, from the photo's centre."""
    rng, lines = np.random.default_rng(5), []
    for pose in cameras:
        world = render(K, pose, size)[2].reshape(-1, 3)
        for point in world[rng.choice(len(world), each, replace=False)]:
            seen = []
            for number, other in enumerate(cameras):
                x, y, z = (point - other[:3, 3]) @ other[:3, :3]
                centred = np.array([x, y]) / max(z, 1e-9) * K[0, 0]
                if z > 0 and (np.abs(centred) < np.array(size) / 2).all():
                    seen.append(f"{number} 0 {_numbers(centred)}")
            lines.append(f"{_numbers(point)} 128 128 128 {len(seen)} {' '.join(seen)}")
    return lines


def _numbers(values):
    return " ".join(f"{value:.8f}" for value in values)


def _turn(pose):
    """The quaternion w x y z from the world's axes to the camera's."""
    x, y, z, w = Rotation.from_matrix(pose[:3, :3].T).as_quat()
    return _numbers([w, x, y, z])
