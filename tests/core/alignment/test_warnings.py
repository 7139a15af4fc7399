"""What the user is told of an alignment, sentence by sentence."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from dust3r.core.alignment.degenerate import SAME_PLACE, THIN, describe_shapes
from dust3r.core.alignment.objective import World
from dust3r.core.alignment.parts import Part
from dust3r.core.alignment.warnings import describe
from dust3r.core.cameras.priors import KnownCamera
from dust3r.core.geometry.similarity import Similarity
from dust3r.tests.aligning import gather

from .alignment_worlds import canonical_of, random

NAMES = list("abcdef")
PAIRS = np.array([(i, j) for i in range(6) for j in range(i)])


def described(edges=PAIRS, unusable=(), odd=(), component=(0,) * 6, empty=(), dropped=(), posed=()):
    """The sentences where these edges and photos are what the arguments say."""
    usable, strange = (
        np.array([tuple(edge) in pairs or tuple(edge)[::-1] in pairs for edge in edges]) for pairs in (unusable, odd)
    )
    canonical = canonical_of(1.0, np.zeros((6, 2)), *np.ones((2, 6, 4)))
    canonical.known[list(empty)] = False
    canonical.dropped[list(dropped)] = True
    pins = gather([KnownCamera(np.eye(4)) if n in posed else None for n in range(6)], None, np.arange(6))
    observations = SimpleNamespace(edges=np.array(edges))
    return describe(observations, canonical, pins, ~usable, strange, np.array(component), NAMES)


def test_where_everything_agrees_nothing_is_said():
    assert described() == ()


def test_photos_without_geometry_and_exif_that_contradicts_are_named():
    assert described(empty=(1, 3)) == ("Nothing usable was predicted for b, d: camera and depth are placeholders",)
    (sentence,) = described(dropped=(2,))
    assert sentence.startswith("EXIF's focal length of c contradicts what the network sees and is not used")


def test_pairs_left_out_are_named_but_not_a_photo_with_itself():
    edges = [(0, 1), (1, 0), (2, 2), (1, 2)]
    found = described(edges, unusable={(0, 1), (2, 2)})
    assert found == ("Pairs left out, too few usable points: a - b, b - a",)


def test_groups_that_no_pair_connects_are_listed_in_their_order():
    assert described(component=(0, 1, 0, 2, 1, 1)) == (
        "The photos fall into 3 groups that no pair connects, each in a world of its own, placed side by side: "
        "a, c; b, e, f; d",
    )


def test_a_photo_disagrees_where_more_than_half_of_its_usable_pairs_are_odd():
    three = {(5, 0), (5, 1), (5, 2)}
    assert described(odd=three) == ("The positions of f disagree with most of their pairs: check these photos",)
    two = {(5, 0), (5, 1)}
    assert described(odd=two) == ("Pairs that disagree with the rest and were outvoted: f - a, f - b",)
    assert described(odd=two, unusable={(5, 3)})[1:] == described(odd=two)  # two of four is not more than half
    left_out, positions = described(odd=two, unusable={(5, 3), (5, 4)})
    assert left_out == "Pairs left out, too few usable points: f - d, f - e"
    assert positions == "The positions of f disagree with most of their pairs: check these photos"


def test_known_poses_that_disagree_are_told_apart_from_solved_ones():
    odd = {(5, 0), (5, 1), (5, 2), (4, 0), (4, 1), (4, 2), (4, 5)}
    assert described(odd=odd, posed=(5,)) == (
        "The known poses of f disagree with most of their pairs: check these photos",
        "The positions of e disagree with most of their pairs: check these photos",
    )


def test_odd_pairs_of_photos_that_are_named_already_are_not_named_again():
    odd = {(5, 0), (5, 1), (5, 2), (1, 0)}
    assert described(odd=odd) == (
        "The positions of f disagree with most of their pairs: check these photos",
        "Pairs that disagree with the rest and were outvoted: b - a",
    )


def test_where_most_photos_disagree_the_one_that_fewest_agree_with_is_named():
    edges = [(0, 1), (0, 2), (0, 3), (1, 2), (2, 3), (1, 3), (4, 5)]
    odd = {(0, 1), (0, 2), (0, 3), (1, 2), (2, 3)}  # a: 3 of 3, c: 3 of 3, b and d: 2 of 3
    assert described(edges, odd=odd)[0] == (
        "The positions of a, c disagree with most of their pairs: check these photos"
    )


def part_of(centre, error, depth, photos=None):
    count = len(centre)
    world = World(
        np.tile(np.eye(3), (count, 1, 1)),
        np.array(centre, float),
        np.full(count, 20.0),
        np.tile([20.0, 15], (count, 1)),
        depth,
        Similarity(np.ones(0), np.zeros((0, 3, 3)), np.zeros((0, 3))),
    )
    appraisal = SimpleNamespace(uncertainty=SimpleNamespace(centre=np.full(count, error)))
    return Part(np.arange(count) if photos is None else np.array(photos), np.arange(0), world, appraisal)


@pytest.fixture
def scene():
    """Observations and canonical pointmaps of three photos, and depths that fill a room."""
    generator = random(2)
    observations = SimpleNamespace(pixels=generator.uniform([0, 0], [40, 30], (3, 400, 2)))
    canonical = canonical_of(1.0, np.zeros((3, 2)), *np.ones((2, 3, 400)))
    return observations, canonical, generator.uniform(1, 3, (3, 400))


def test_cameras_no_further_apart_than_they_may_be_off_are_said_to_stand_in_one_place(scene):
    observations, canonical, depth = scene
    depth = depth * np.array([1.0, 1, 2])[:, None]
    middle = np.median(depth[2])

    def said(away, error):
        part = part_of([(0, 0, 0), (0, 0, 0), (0, away * middle, 0)], error, depth)
        return describe_shapes([part], observations, canonical, NAMES)

    assert said(0.99 * SAME_PLACE, 0.0) and not said(1.01 * SAME_PLACE, 0.0)
    assert said(0.19, 0.1) and not said(0.21, 0.1)  # two standard errors
    assert said(0.19, 0.1)[0].startswith("The cameras of a, b, c stand no further apart than they may be off")
    alone = part_of([(0, 0, 0)], 1.0, depth[1:2], [1])
    assert describe_shapes([alone], observations, canonical, NAMES) == ()
    both = describe_shapes([alone, part_of([(0, 0, 0)] * 2, 0.0, depth[::2], [0, 2])], observations, canonical, NAMES)
    assert len(both) == 1 and both[0].startswith("The cameras of a, c stand")


def test_points_in_one_plane_are_said_to_be_so_where_all_photos_show_something(scene):
    observations, canonical, _ = scene
    apart = [(0, 0, 0), (5, 0, 0), (10, 0, 0)]

    def said(depth, canonical=canonical, photos=(0, 1, 2)):
        part = part_of([apart[n] for n in photos], 0.0, depth[list(photos)], photos)
        return describe_shapes([part], observations, canonical, NAMES)

    flat = np.full((3, 400), 4.0)
    assert said(flat)[0].startswith("Everything in a, b, c lies in one plane")
    assert said(flat, photos=(1, 2))[0].startswith("Everything in b, c lies in one plane")
    thin = flat + random(5).normal(size=(3, 400)) * THIN * 4
    assert not said(thin)
    some = replace(canonical, known=np.array([True, True, False]))
    assert not said(flat, some) and said(flat, some, (0, 1))
    strays = flat + np.where(np.arange(400) % 2, 2.0, 0)
    sure = replace(canonical, weight=np.where(np.arange(400) % 2, 0.0, 1.0) * np.ones((3, 1)))
    assert said(strays, sure) and not said(strays)
