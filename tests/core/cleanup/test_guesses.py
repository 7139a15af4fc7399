"""Points at the network's depth, in photos that were compared: kept where other photos have them too."""

from dataclasses import replace

import numpy as np
import pytest
from dust3r.core.cleanup.find import find_flaws, with_flaws
from dust3r.core.flaws import FLAWS
from dust3r.core.pipeline.reconstruct import usual_confidence
from dust3r.core.reconstruction.result import Reconstruction
from dust3r.core.settings import ReconstructionSettings
from dust3r.tests.core.cleanup_scene import room_views

BIT = FLAWS["unconfirmed"].bit


def compared(factor=1.0, confidence=5.0, guessed=(0,)):
    """Views of a room that photos agree on, but for a disc in some, at the network's depth, and the disc, (H, W) bool.

    factor: the disc's depth over the truth; guessed: the photos that have it.
    """
    views = room_views()
    y, x = np.mgrid[: views[0].depth.shape[0], : views[0].depth.shape[1]]
    disc = (x - 63) ** 2 + (y - 54) ** 2 < 8**2  # another photo sees all of it
    for k in range(len(views)):
        flaws, depth, sure = np.zeros(disc.shape, np.uint8), views[k].depth.copy(), views[k].confidence.copy()
        if k in guessed:
            flaws[disc] = BIT
            depth[disc] *= factor
            sure[disc] = confidence
        views[k] = replace(views[k], depth=depth, confidence=sure, flaws=flaws)
    return views, disc


def guesses(views, own_votes=0):
    """The maps (H, W) of this one flaw."""
    return [flaws & FLAWS["guesses"].bit != 0 for flaws in find_flaws(views, own_votes=own_votes)]


@pytest.mark.parametrize("own_votes", [0, 1])
def test_where_no_depths_were_compared_there_are_no_guesses(own_votes):
    for flaws in (None, np.zeros((80, 112), np.uint8)):
        assert not np.any(guesses([replace(view, flaws=flaws) for view in room_views(noise=0.1)], own_votes))


@pytest.mark.parametrize("factor", [1.0, 1.01, 0.992])
def test_what_another_photo_has_too_is_no_guess(factor):
    views, disc = compared(factor)
    found = guesses(views)
    assert found[0][disc].mean() < 0.03 and not np.any(found[1:])


@pytest.mark.parametrize(("level", "alike"), [(250, False), (170, True)])
def test_another_photo_has_it_only_in_about_its_colors(level, alike):
    views, disc = compared()
    views[0].colors[disc] = level  # all else is 128
    assert (guesses(views)[0][disc].mean() < 0.3) == alike


def test_what_photos_agree_on_and_more_photos_look_past_is_a_floater():
    views, disc = compared(factor=0.9, confidence=50.0)
    flaws = np.zeros_like(views[0].flaws)
    flaws[0, 0] = BIT  # the photos were compared
    found = find_flaws([replace(views[0], flaws=flaws), *views[1:]])[0]
    assert (found[disc] & FLAWS["floaters"].bit != 0).mean() > 0.9
    assert (found[~disc] & FLAWS["floaters"].bit != 0).mean() < 0.01


@pytest.mark.parametrize("own_votes", [0, 1])
@pytest.mark.parametrize("factor", [0.7, 0.9, 0.96])
def test_a_surface_that_photos_agree_on_refutes_what_hangs_before_it_however_sure(factor, own_votes):
    views, disc = compared(factor, confidence=50.0)
    found = guesses(views, own_votes)
    assert found[0][disc].mean() > 0.95 and not found[0][~disc].any() and not np.any(found[1:])


def test_what_no_other_photo_has_counts_for_what_the_networks_word_does():
    views, disc = compared(factor=1.3)
    assert guesses(views)[0][disc].mean() > 0.95
    assert guesses(views, own_votes=1)[0][disc].mean() < 0.2  # some of it hangs before another wall


def test_points_that_photos_agree_on_are_none_wherever_others_guess():
    views, _disc = compared(factor=0.5, guessed=(1, 2, 3))
    assert not guesses(views)[0].any()


def test_a_photo_that_was_not_compared_is_unconfirmed_beside_those_that_were():
    views, _disc = compared()
    views[1] = replace(views[1], flaws=None)
    assert (find_flaws(views)[1] & BIT != 0).all()


def test_what_is_unconfirmed_stays_so_in_a_second_search():
    views, disc = compared(factor=0.5)
    found = find_flaws(views)
    again = find_flaws([replace(view, flaws=flaws) for view, flaws in zip(views, found, strict=True)])
    for first, second in zip(found, again, strict=True):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(again[0] & BIT != 0, disc)


@pytest.mark.parametrize("synthetic", [False, True])
def test_a_network_that_learned_from_photos_has_a_vote(synthetic):
    views, disc = compared(factor=1.3)
    result = Reconstruction(tuple(views), "any@0", ReconstructionSettings(), "0.1.0", synthetic=synthetic)
    hidden = with_flaws(result).without_flaws().views[0]
    assert (hidden.mask[disc].mean() < 0.5) == synthetic


def test_the_usual_confidence_hides_a_quarter_of_the_networks_points_and_none_where_its_confidence_says_nothing():
    plain = room_views()
    together = np.concatenate([view.confidence.ravel() for view in plain])
    for synthetic in (False, True):
        assert usual_confidence(plain, synthetic) == pytest.approx(np.quantile(together, 0.25))
    views, disc = compared()
    assert usual_confidence(views, synthetic=True) == 1.0
    views[0].confidence[disc] = np.linspace(2, 3, disc.sum())
    assert usual_confidence(views, synthetic=False) == pytest.approx(2.25, abs=0.01)
