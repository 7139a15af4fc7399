"""How large a reconstruction is: lengths measured on walls whose every point is known."""

import numpy as np
import pytest
from dust3r.core.world.scale import SceneScale, scene_scale

from ...blender.synthetic_reconstruction import Shot, make_reconstruction

WALL = Shot(
    "wall.png",
    size=(200, 120),
    focal=(150, 90),
    view_size=(48, 32),
    scale=(3.5, 3.2),
    offset=(16, 4),
    flat=True,
)


def test_the_spacing_is_the_distance_of_neighbours_in_a_row_of_a_wall_seen_head_on(tmp_path):
    result = make_reconstruction(tmp_path, (WALL,))
    steps = np.linalg.norm(np.diff(result.views[0].world_points(), axis=1), axis=-1)
    assert scene_scale(result, 1.0).spacing == pytest.approx(np.median(steps), rel=1e-6)


def test_depths_are_those_of_the_kept_points_and_of_all_where_none_is_kept(tmp_path):
    result = make_reconstruction(tmp_path, (WALL,))
    view = result.views[0]
    view.depth[:, :24] = 5
    view.confidence[:] = np.where(view.depth > 2, 1.5, 3)
    assert (scene_scale(result, 2.0).depth, scene_scale(result, 2.0).farthest) == (2, 2)
    assert scene_scale(result, 1.0).farthest == scene_scale(result, 9.0).farthest == 5


def test_without_any_point_there_is_a_scale_to_go_on_with(tmp_path):
    result = make_reconstruction(tmp_path, (WALL,))
    result.views[0].mask[:] = False
    assert scene_scale(result, 1.0) == SceneScale(1.0, 1.0, 0.01)
