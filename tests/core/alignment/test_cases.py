"""The alignment where something is missing, wrong or degenerate."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from dust3r.core.errors import Cancelled, InputError
from dust3r.core.inference.prediction import Prediction
from dust3r.core.scene_graph.edges import Edge
from dust3r.core.settings import AlignmentSettings
from dust3r.evaluation.metrics.poses import pair_errors, pose_metrics
from dust3r.tests.aligning import align, sample
from dust3r.tests.synthetic import integer_mapping, noisy_scene

ISLANDS = ((0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0), (3, 4), (4, 3))


def assert_finite(found):
    assert np.isfinite(found.cam2world).all()
    assert np.isfinite(found.focal).all()
    assert (found.focal > 0).all()
    assert np.isfinite(found.loss)
    for depth, confidence in zip(found.depth, found.confidence, strict=True):
        assert np.isfinite(depth).all()
        assert (depth > 0).all()
        assert (confidence >= 1).all()
    R = found.cam2world[:, :3, :3]
    assert R @ R.swapaxes(-1, -2) == pytest.approx(np.tile(np.eye(3), (len(R), 1, 1)), abs=1e-9)
    assert np.linalg.det(R) == pytest.approx(np.ones(len(R)))


def solve(mappings, predictions, centres, **options):
    found = align(mappings, predictions, principal_points=centres, **options)
    assert_finite(found)
    return found


def test_a_single_photo_keeps_its_own_pointmaps_depth():
    scene, mappings, predictions, centres = noisy_scene(1, "medium", edges=((0, 0),))
    found = solve(mappings, predictions, centres)
    assert (found.cam2world[0] == np.eye(4)).all()
    assert found.depth[0] == pytest.approx(predictions[0].points_i[..., 2].numpy(), rel=1e-6)
    assert found.focal == pytest.approx(scene["focals"], rel=0.01)


@pytest.mark.parametrize("edges", [((0, 1),), ((1, 0),), ((0, 1), (1, 0))])
def test_two_photos_need_only_one_direction(edges):
    scene, *inputs = noisy_scene(2, "none", edges=edges)
    found = solve(*inputs)
    assert pose_metrics(found.cam2world, scene["poses"])["auc5"] > 99.9
    assert found.focal == pytest.approx(scene["focals"], rel=1e-3)
    assert found.loss < 1e-3


def test_photos_that_no_pair_connects_stand_side_by_side_and_are_named():
    scene, *inputs = noisy_scene(5, "low", edges=ISLANDS)
    found = solve(*inputs, names=list("abcde"))
    assert found.component.tolist() == [0, 0, 0, 1, 1]
    assert len(found.warnings) == 1
    assert "a, b, c; d, e" in found.warnings[0]
    for part in ([0, 1, 2], [3, 4]):
        assert pose_metrics(found.cam2world[part], scene["poses"][part])["auc30"] > 90
    reach = [found.cam2world[n, 0, 3] + np.median(found.depth[n]) for n in (0, 1, 2)]
    assert max(reach) < min(found.cam2world[n, 0, 3] - np.median(found.depth[n]) for n in (3, 4))


def test_parts_are_solved_as_if_alone():
    _, mappings, predictions, centres = noisy_scene(5, "low", edges=ISLANDS)
    together = solve(mappings, predictions, centres)
    alone = solve(mappings[:3], predictions[:6], centres[:3])
    assert together.cam2world[:3] == pytest.approx(alone.cam2world, abs=1e-6)


def test_numbers_that_are_none_cost_only_their_own_pixels():
    scene, mappings, predictions, centres = noisy_scene(4, "low")
    generator = torch.Generator().manual_seed(0)
    holed = []
    for p in predictions:
        points, confidence = p.points_i.clone(), p.confidence_j.clone()
        points[torch.rand(points.shape[:2], generator=generator) < 0.2] = torch.nan
        confidence[torch.rand(confidence.shape, generator=generator) < 0.2] = torch.inf
        holed.append(replace(p, points_i=points, confidence_j=confidence))
    found = solve(mappings, holed, centres)
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 96


def test_pairs_without_confidence_or_numbers_are_left_out_and_named():
    scene, mappings, predictions, centres = noisy_scene(4, "low")
    predictions = list(predictions)
    predictions[0] = replace(predictions[0], confidence_i=torch.ones_like(predictions[0].confidence_i))
    predictions[5] = replace(predictions[5], points_j=predictions[5].points_j * torch.nan)
    found = solve(mappings, predictions, centres)
    assert found.warnings == ("Pairs left out, too few usable points: 0 - 1, 1 - 3",)
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 95


def test_predictions_of_nothing_at_all_are_said_to_be_so():
    _, mappings, predictions, centres = noisy_scene(4, "low")
    nothing = [replace(p, points_i=p.points_i * torch.nan, points_j=p.points_j * torch.nan) for p in predictions]
    found = solve(mappings, nothing, centres)
    assert "Nothing usable was predicted for 0, 1, 2, 3" in found.warnings[0]
    assert all((confidence == 1).all() for confidence in found.confidence)


def test_absurdly_far_points_do_no_harm():
    scene, mappings, predictions, centres = noisy_scene(4, "low")
    far = []
    for p in predictions:
        points = p.points_j.clone()
        points[:10] = 1e30
        far.append(replace(p, points_j=points))
    found = solve(mappings, far, centres)
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 95


def test_points_all_in_one_place_give_a_finite_result_and_are_left_out():
    _, mappings, predictions, centres = noisy_scene(4, "low")
    same = [replace(p, points_i=p.points_i * 0 + 1, points_j=p.points_j * 0 + 1) for p in predictions]
    found = solve(mappings, same, centres)
    assert "Pairs left out" in found.warnings[0]
    assert found.component.tolist() == [0, 1, 2, 3]


def test_photos_from_one_place_are_finite_and_said_to_be_so():
    scene, mappings, predictions, centres = noisy_scene(3, "low")
    turned = []
    for p in predictions:  # what a network says of a camera that only turns: every depth the first photo's own
        i, j = p.edge
        turn = torch.from_numpy(scene["poses"][i][:3, :3].T @ scene["poses"][j][:3, :3]).float()
        first = next(q for q in predictions if q.edge[0] == j)
        turned.append(replace(p, points_j=first.points_i @ turn.T))
    found = solve(mappings, turned, centres, names=list("abc"))
    assert any(warning.startswith("The cameras of a, b, c stand no further apart") for warning in found.warnings)


def test_a_plane_is_finite_and_said_to_be_so():
    scene, mappings, predictions, centres = noisy_scene(3, "low", span=40.0)
    normal, flat = np.array([0.1, 0.05, 1.0]), []

    def wall(photo, into):
        """Where the photo's rays meet one plane, in the frame of photo `into`."""
        pose, (width, height) = scene["poses"][photo], scene["sizes"][photo]
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        (cx, cy), f = scene["pps"][photo], scene["focals"][photo]
        rays = np.stack([(x - cx) / f, (y - cy) / f, np.ones(x.shape)], axis=-1) @ pose[:3, :3].T
        facing = scene["poses"][1][:3, :3] @ normal
        middle = scene["poses"][1][:3, 3] + 4 * scene["poses"][1][:3, 2]
        reach = ((middle - pose[:3, 3]) @ facing) / (rays @ facing)
        world = pose[:3, 3] + rays * reach[..., None]
        return torch.from_numpy((world - scene["poses"][into][:3, 3]) @ scene["poses"][into][:3, :3]).float()

    generator = torch.Generator().manual_seed(0)
    for p in predictions:
        points = [wall(photo, p.edge.i) for photo in p.edge]
        noisy = [X * (1 + 0.003 * torch.randn(X.shape, generator=generator)) for X in points]
        flat.append(replace(p, points_i=noisy[0], points_j=noisy[1]))
    found = solve(mappings, flat, centres, names=list("abc"))
    assert any(warning.startswith("Everything in a, b, c lies in one plane") for warning in found.warnings)


def test_a_mirrored_pointmap_does_not_spoil_the_others():
    scene, mappings, predictions, centres = noisy_scene(4, "low")
    mirrored = [replace(predictions[0], points_i=-predictions[0].points_i), *predictions[1:]]
    found = solve(mappings, mirrored, centres)
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 93
    assert found.focal == pytest.approx(scene["focals"], rel=0.01)


def test_one_wholly_wrong_pair_is_outvoted():
    scene, mappings, predictions, centres = noisy_scene(5, "low")
    turned = predictions[3].points_j @ torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    found = solve(mappings, [*predictions[:3], replace(predictions[3], points_j=turned), *predictions[4:]], centres)
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 95


def wall(camera2world, focal=100.0, size=(64, 48), bend=0.0):
    """The pointmap of one photo of the wall z = 4 + bend (x^2 + y^2), in the camera's frame."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    rays = np.stack([(x - size[0] / 2) / focal, (y - size[1] / 2) / focal, np.ones(x.shape)], axis=-1)
    world_rays, origin = rays @ camera2world[:3, :3].T, camera2world[:3, 3]
    depth = (4 - origin[2]) / world_rays[..., 2]
    for _ in range(50):
        points = origin + depth[..., None] * world_rays
        depth = (4 + bend * (points[..., :2] ** 2).sum(-1) - origin[2]) / world_rays[..., 2]
    return rays * depth[..., None]


def wall_inputs(poses, bend=0.0):
    maps = [wall(pose, bend=bend) for pose in poses]
    predictions = []
    for i, pose in enumerate(poses):
        for j, other in enumerate(poses):
            if i != j:
                relative = np.linalg.inv(pose) @ other
                X = maps[j] @ relative[:3, :3].T + relative[:3, 3]
                both = [torch.from_numpy(part.astype(np.float32)) for part in (maps[i], X)]
                predictions.append(Prediction(Edge(i, j), *both, *(torch.full(X.shape[:2], 5.0) for _ in range(2))))
    return [integer_mapping((64, 48))] * len(poses), predictions, [(32.0, 24.0)] * len(poses)


def turned(degrees, centre=(0, 0, 0)):
    pose, angle = np.eye(4), np.radians(degrees)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    pose[:3, 3] = centre
    return pose


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_same_photo_many_times_stays_in_one_place(count):
    found = solve(*wall_inputs([turned(0)] * count, bend=0.1))
    rotation, _ = pair_errors(found.cam2world, np.tile(np.eye(4), (count, 1, 1)))
    assert rotation.max() < 0.01
    assert np.abs(found.cam2world[:, :3, 3]).max() < 1e-3


@pytest.mark.parametrize("count", [2, 4])
def test_a_camera_that_only_turns_stays_in_one_place(count):
    poses = np.stack([turned(5.0 * k) for k in range(count)])
    found = solve(*wall_inputs(poses, bend=0.03))
    rotation, _ = pair_errors(found.cam2world, poses)
    assert rotation.max() < 0.01
    assert np.abs(found.cam2world[:, :3, 3]).max() < 2e-3


@pytest.mark.parametrize("count", [2, 4])
def test_a_flat_wall_is_enough(count):
    poses = np.stack([turned(6.0 * k, (-0.5 * k, 0.1 * k, 0)) for k in range(count)])
    found = solve(*wall_inputs(poses))
    assert pose_metrics(found.cam2world, poses)["auc5"] > 99


def test_masked_pixels_move_no_camera_and_still_get_a_depth():
    scene, mappings, predictions, centres = noisy_scene(4, "low")
    mask = np.ones((80, 112), dtype=bool)
    mask[:, :40] = False
    spoiled = []
    for p in predictions:
        points = p.points_i.clone()
        points[:, :40] += 3
        spoiled.append(replace(p, points_i=points) if p.edge.i == 0 else p)
    found = solve(mappings, spoiled, centres, masks=[mask, None, None, None])
    assert pose_metrics(found.cam2world, scene["poses"])["auc30"] > 95


def test_what_is_predicted_where_a_mask_leaves_out_changes_nothing_else():
    _, mappings, predictions, centres = noisy_scene(4, "low")
    mask = np.ones((80, 112), dtype=bool)
    mask[:, :40] = False
    moved = []
    for p in predictions:  # what a thing that walked through the left of photo 0 would do
        own, other = p.points_i.clone(), p.points_j.clone()
        if 0 in p.edge:
            (own if p.edge.i == 0 else other)[:, :40] *= 1.2
        moved.append(replace(p, points_i=own, points_j=other))
    masks = [mask, None, None, None]
    still, walked = (solve(mappings, said, centres, masks=masks) for said in (predictions, moved))
    assert (still.cam2world == walked.cam2world).all()
    assert (still.focal == walked.focal).all()
    assert (still.depth[0][mask] == walked.depth[0][mask]).all()
    assert still.loss == walked.loss
    assert (solve(mappings, moved, centres).cam2world != still.cam2world).any()


def test_a_side_is_as_sure_as_its_unmasked_pixels_are_however_few():
    _, mappings, predictions, _ = noisy_scene(2, "low")
    even = [
        replace(p, confidence_i=torch.full_like(p.confidence_i, 5), confidence_j=torch.full_like(p.confidence_j, 3))
        for p in predictions
    ]
    mask = np.zeros((80, 112), dtype=bool)
    mask[10:30, 20:50] = True
    seen = sample(mappings, even, [mask, None], lambda: None)
    assert seen.confidence == pytest.approx(np.array([[5.0, 3.0], [5.0, 3.0]]))
    x, y = seen.pixels[0].T
    inside = (x >= 20) & (x < 50) & (y >= 10) & (y < 30)
    assert ((seen.weight[0, 0] > 0) == inside).all()
    assert ((seen.weight[1, 1] > 0) == inside).all()
    assert (seen.weight[0, 1] > 0).all()


def test_the_same_input_gives_the_same_bits():
    _, *inputs = noisy_scene(5, "medium", edges=tuple((i, j) for i in range(5) for j in range(i)))
    a, b = solve(*inputs), solve(*inputs)
    assert (a.cam2world == b.cam2world).all()
    assert (a.focal == b.focal).all()
    assert all((x == y).all() for x, y in zip(a.depth, b.depth, strict=True))
    assert a.loss == b.loss


@pytest.mark.parametrize("share", [0.0, 0.15, 0.4, 0.6, 0.9])
def test_cancelling_stops_the_work_wherever_it_is(share):
    _, mappings, predictions, centres = noisy_scene(4, "medium")

    def stop(stage, done, total):
        assert stage == "Aligning"
        if done >= share * total:
            raise Cancelled

    with pytest.raises(Cancelled):
        align(mappings, predictions, principal_points=centres, report=stop)


def test_progress_never_falls_and_ends_complete():
    _, mappings, predictions, centres = noisy_scene(5, "low", edges=ISLANDS)
    shares = []
    solve(mappings, predictions, centres, report=lambda stage, done, total: shares.append(done / total))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) > 20
    assert shares[-2] > 0.9  # the parts make up the whole


def test_nothing_to_align_is_an_error():
    with pytest.raises(InputError, match="Nothing to align"):
        align([], [])


def test_predictions_of_other_photos_are_an_error():
    _, mappings, predictions, centres = noisy_scene(4, "low")
    with pytest.raises(InputError, match="names photo 3, but there are 3"):
        align(mappings[:3], predictions, principal_points=centres[:3])
    with pytest.raises(InputError, match="112 x 81"):
        align([integer_mapping((112, 81))] * 4, predictions, AlignmentSettings(), principal_points=centres)
