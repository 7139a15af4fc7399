"""A reconstruction whose cameras come from the photos, with the bundled network."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.adjustment.adjust import Adjustment, adjust
from dust3r.core.cameras.posed_images import read_depth, read_posed_photos
from dust3r.core.cameras.priors import KnownCamera, Priors, read_known
from dust3r.core.export.formats import export_reconstruction
from dust3r.core.export.settings import ExportSettings
from dust3r.core.geometry.camera import project, sample_depth
from dust3r.core.images.lens_distortion import open_straight
from dust3r.core.images.reader import open_photo
from dust3r.core.pipeline import photo_cameras
from dust3r.core.pipeline import reconstruct as pipeline
from dust3r.core.pipeline.edge_choice import ChosenEdges
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.world.transform import moved
from dust3r.tests.core.pipeline.studio import solver
from PIL import Image
from scipy.ndimage import map_coordinates

pytest.importorskip("pycolmap")


@pytest.fixture(scope="module")
def truth(pytestconfig):
    return read_posed_photos(pytestconfig.rootpath / "samples" / "studio")[:4]


@pytest.fixture(scope="module")
def solve(truth, pytestconfig):
    return solver(truth, pytestconfig.rootpath, surfaces="network")


@pytest.fixture(scope="module")
def by_photos(solve):
    return solve()


@pytest.fixture(scope="module")
def by_network(solve):
    return solve(cameras="network")


def turns(poses):
    """(N - 1, 3, 3): from every other camera to the first."""
    R = np.stack([pose[:3, :3] for pose in poses])
    return R[0].T @ R[1:]


def worst_turn(result, truth):
    """Degrees."""
    off = turns([photo.cam2world for photo in truth]).swapaxes(1, 2) @ turns([view.cam2world for view in result.views])
    return np.degrees(np.arccos(np.clip((np.trace(off, axis1=1, axis2=2) - 1) / 2, -1, 1))).max()


def depth_error(result, truth):
    """Median relative error of all depths, the unit free but the same for all photos."""
    ratios = []
    for view, photo in zip(result.views, truth, strict=True):
        true = read_depth(photo.depth)
        pixels = view.mapping.photo_pixels() * np.array(true.shape[::-1]) / photo.size
        ratio = view.depth / sample_depth(true, pixels)
        ratios.append(ratio[np.isfinite(ratio)])
    ratio = np.concatenate(ratios)
    return np.median(np.abs(ratio / np.median(ratio) - 1))


def test_cameras_and_depths_are_nearer_to_the_truth_than_the_networks(truth, by_photos, by_network):
    assert worst_turn(by_photos, truth) < 1 < worst_turn(by_network, truth)
    assert depth_error(by_photos, truth) < depth_error(by_network, truth)
    assert {view.focal_source for view in by_photos.views} == {"photos"}
    assert {view.component for view in by_photos.views} == {0}


def test_every_camera_says_what_it_stands_on(by_photos, by_network):
    for view in by_photos.views:
        found = view.evidence
        assert found.source == "photos" and found.observations > 30 and found.error < 1
        assert 0 < found.turn < 0.5 and 0 < found.shift < 0.02
    assert {view.evidence.source for view in by_network.views} == {"network"}


def test_doubts_of_the_networks_pairs_end_where_the_photos_place_every_camera(solve, monkeypatch):
    def doubtful(*arguments, **options):
        return ChosenEdges(choose_edges(*arguments, **options).edges, ("Unsure",))

    choose_edges = pipeline.choose_edges
    monkeypatch.setattr(pipeline, "choose_edges", doubtful)
    assert "Unsure" not in solve().warnings
    assert "Unsure" in solve(cameras="network").warnings


def test_photos_that_the_network_placed_are_named(solve, monkeypatch):
    def partly(*arguments):
        first, second, third, _ = adjust(*arguments).cameras
        assert third is not None
        apart = replace(third, evidence=replace(third.evidence, source="both", turn=None, shift=None))
        return Adjustment((first, second, apart, None))

    monkeypatch.setattr(photo_cameras, "adjust", partly)
    result = solve()
    names = [view.name for view in result.views]
    assert [view.evidence.source for view in result.views] == ["photos", "photos", "both", "both"]
    said = [sentence for sentence in result.warnings if "Too few matches" in sentence]
    assert said == [
        f"Too few matches place {names[3]}: placed by the network alone, relative to the others",
        f"Too few matches join {names[2]} to the other photos: "
        "placed by the network as a whole, relative to the others",
    ]


def test_the_result_is_the_same_to_the_last_bit(solve, by_photos):
    again = solve()
    for first, second in zip(by_photos.views, again.views, strict=True):
        assert first.cam2world.tobytes() == second.cam2world.tobytes()
        assert first.depth.tobytes() == second.depth.tobytes()


def test_a_known_camera_comes_back_to_the_last_bit(solve, truth):
    known = {
        photo.path.resolve(): KnownCamera(photo.cam2world, photo.K[0, 0], tuple(photo.K[:2, 2])) for photo in truth[:2]
    }
    result = solve(priors=Priors(cameras=known))
    assert [view.evidence.source for view in result.views] == ["known", "known", "photos", "photos"]
    for view, photo in zip(result.views[:2], truth, strict=False):
        assert np.array_equal(view.cam2world, photo.cam2world)
        assert (view.K[0, 0], tuple(view.K[:2, 2]), view.focal_source) == (
            photo.K[0, 0],
            tuple(photo.K[:2, 2]),
            "known",
        )


def test_what_the_cameras_were_adjusted_on_is_exported_as_colmap_reads_it(by_photos, tmp_path):
    pycolmap = pytest.importorskip("pycolmap")
    export_reconstruction(by_photos, tmp_path, "colmap", ExportSettings(max_points=len(by_photos.tracks.points)))
    model = pycolmap.Reconstruction(str(tmp_path / "sparse" / "0"))
    assert model.num_points3D() == len(by_photos.tracks.points) > 100
    assert model.compute_mean_track_length() >= 2
    assert model.compute_mean_reprojection_error() < 1
    observed = np.mean([view.evidence.observations for view in by_photos.views])
    assert observed - 10 < model.compute_mean_observations_per_reg_image() <= observed  # once of each photo


def test_tracks_are_saved_and_move_with_the_world(by_photos, tmp_path):
    by_photos.save(tmp_path)
    similarity = np.diag([3.0, 3.0, 3.0, 1.0])
    similarity[:3, 3] = 1, -2, 3
    result = moved(Reconstruction.load(tmp_path), similarity)
    tracks = result.tracks
    for index, view in enumerate(result.views):
        mine = tracks.view == index
        pixels, _ = project(tracks.points[tracks.point[mine]], view.K, view.cam2world)
        assert np.median(np.linalg.norm(pixels - tracks.pixel[mine], axis=1)) < 1
    two = result.of_views([3, 1])
    assert [view.name for view in two.views] == [result.views[3].name, result.views[1].name]
    assert (np.bincount(two.tracks.point) == 2).all() and set(two.tracks.view) == {0, 1}
    pixels, _ = project(
        two.tracks.points[two.tracks.point[two.tracks.view == 0]], two.views[0].K, two.views[0].cam2world
    )
    assert np.median(np.linalg.norm(pixels - two.tracks.pixel[two.tracks.view == 0], axis=1)) < 1
    assert by_photos.of_views([2]).tracks is None


def through_a_bent_lens(photo, distortion, folder):
    """The same photo as a lens with this distortion shows it."""
    image = np.asarray(open_photo(photo.path).image, np.float64)
    centres = np.stack(np.meshgrid(*(np.arange(side) + 0.5 for side in photo.size)), axis=-1)
    off = centres - np.divide(photo.size, 2)
    straight = off
    for _ in range(20):
        straight = off / (1 + distortion * (straight**2).sum(axis=-1, keepdims=True))
    rows, columns = np.moveaxis(straight + np.divide(photo.size, 2) - 0.5, -1, 0)[::-1]
    bent = [map_coordinates(image[..., band], (rows, columns), order=3, mode="nearest") for band in range(3)]
    path = folder / f"{photo.path.stem}.png"
    Image.fromarray(np.stack(bent, axis=-1).clip(0, 255).astype(np.uint8)).save(path)
    return replace(photo, path=path)


def test_a_bent_lens_is_recognised_and_its_photos_become_straight(truth, pytestconfig, tmp_path):
    distortion = -0.06 / truth[0].K[0, 0] ** 2
    photos = [through_a_bent_lens(photo, distortion, tmp_path) for photo in truth]
    solve = solver(photos, pytestconfig.rootpath, surfaces="network")
    result = solve()
    for view, photo in zip(result.views, truth, strict=True):
        assert view.mapping.distortion == pytest.approx(distortion, rel=0.15)
        assert view.K[0, 0] == pytest.approx(photo.K[0, 0], rel=0.01)
        shown = np.asarray(open_straight(view.path, view.mapping).image, float)
        true = np.asarray(open_photo(photo.path).image, float)
        assert np.abs(shown - true).mean() < 0.5 * np.abs(np.asarray(open_photo(view.path).image, float) - true).mean()
    assert worst_turn(result, truth) < 0.5
    assert depth_error(result, truth) < 0.06
    assert {view.mapping.distortion for view in solve(lens_distortion=False).views} == {0.0}
    result.save_cameras(tmp_path / "cameras.json")
    known = read_known(tmp_path / "cameras.json", [photo.path for photo in photos])
    again = solve(priors=Priors(cameras=known))
    for view, before in zip(again.views, result.views, strict=True):
        assert np.array_equal(view.K, before.K) and np.array_equal(view.cam2world, before.cam2world)
        assert view.mapping == before.mapping and view.evidence.source == "known"
