"""A .blend from a stranger: what its properties say is data, checked before it is used, and nothing of it is run."""

import json

import bpy
import numpy as np
import pytest
from dust3r.core.errors import InputError
from dust3r.operators.scene import add_reconstruction
from dust3r.operators.scene.reading import read_reconstruction
from dust3r.operators.scene.reconstruction import RECIPE
from dust3r.tests.blender.synthetic_reconstruction import SHOTS, make_reconstruction
from dust3r.tests.faults.mutations import altered, changes, tried
from dust3r.tests.faults.watch import assert_read_safely
from hypothesis import given

MOST_MEMORY = 256 << 20  # bytes
POISONS = [
    "__import__('os').system('touch outside')",
    "{",
    "[]",
    "null",
    "[" * 100_000,
    7,
    1.5,
    [1, 2, 3],
    {"photos": "a group and no text"},
    json.dumps({"photos": {}, "views": [{}]}),
    json.dumps({"photos": {"../outside": {}}, "views": [{}]}),
]


@pytest.fixture
def collection(tmp_path, empty_scene):
    return add_reconstruction(empty_scene, make_reconstruction(tmp_path, SHOTS[:2]))


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: str(poison)[:30])
def test_a_poisoned_recipe_is_refused_in_a_sentence(collection, tmp_path, poison):
    collection[RECIPE] = poison
    refusal = assert_read_safely("recipes", tmp_path, lambda: read_reconstruction(collection), MOST_MEMORY)
    assert isinstance(refusal, InputError) and collection.name in str(refusal)


@pytest.mark.parametrize("size", [[10**8, 10**8], [0, 0], [-1, 5], [1.5, 2], ["9", "9"], None])
def test_a_recipe_cannot_ask_for_more_memory_than_a_network_is_shown(collection, tmp_path, size):
    recipe = json.loads(collection[RECIPE])
    recipe["views"][0]["mapping"]["view_size"] = size
    collection[RECIPE] = json.dumps(recipe)
    refusal = assert_read_safely("recipes", tmp_path, lambda: read_reconstruction(collection), MOST_MEMORY)
    assert isinstance(refusal, InputError)


def test_a_recipe_that_says_something_else_is_sound_or_refused(collection, tmp_path):
    recipe = json.loads(collection[RECIPE])

    def read():
        result = read_reconstruction(collection)
        assert np.isfinite(result.visible_points().position).all()
        return result

    @tried(200, 25)
    @given(changes)
    def attempt(what):
        collection[RECIPE] = json.dumps(altered(recipe, what)).encode("ascii", "replace").decode()
        assert_read_safely("recipes", tmp_path, read, MOST_MEMORY)

    attempt()


def test_a_name_with_code_for_a_driver_stays_a_name(tmp_path, empty_scene):
    name = "__import__('os').system('touch outside')"
    made = add_reconstruction(empty_scene, make_reconstruction(tmp_path, SHOTS[:1]), name)
    drivers = [block for kind in (bpy.data.objects, bpy.data.cameras, bpy.data.node_groups) for block in kind]
    assert made.name == name[:63] and not any(block.animation_data for block in drivers)
    assert not bpy.data.texts
