"""Every operator that is registered, in every state that a scene may be in: a sentence, or one undoable step."""

import random

import bpy
import pytest
from dust3r.tests.blender.operator_calls import (
    calls,
    difference,
    make,
    operator_classes,
    snapshot,
    starts_worker,
    undoable,
)
from dust3r.tests.blender.scene_states import STATES, reconstructed
from dust3r.tests.faults.amount import FULL, NOTES, SEED, trials

# named, not taken as arguments: pytest prints arguments of what fails, and Blender has freed these by then
pytestmark = pytest.mark.usefixtures("extension")
QUICK = ("empty", "reconstructed", "library overridden", "of the first version")  # where no worker starts
WORKED = (
    "reconstructed",
    "renamed",
    "scene copied in full",
    "library overridden",
    "photos gone",
    "of the first version",
)


def _state(name, folder):
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    folder.mkdir()
    STATES[name](folder)
    bpy.ops.ed.undo_push(message=name)


def _step(call):
    """Make a call: undone it was never there, done again it is there again, and refused it leaves no trace."""
    before = snapshot()
    outcome = make(call)
    after = snapshot()
    changed = difference(before, after)
    if changed and outcome.kind != "finished":
        raise AssertionError(f"{call} was {outcome.kind} and changed {changed}")
    if changed and bpy.context.mode == "OBJECT":  # in Edit Mode Blender's own undo takes back no more than the mesh
        _there_and_back(call, before, after)
    return outcome


def _there_and_back(call, before, after):
    if not undoable(call.operator):
        raise AssertionError(f"{call} changed {difference(before, after)} and cannot be undone")
    for go, wanted, word in ((bpy.ops.ed.undo, before, "undone"), (bpy.ops.ed.redo, after, "done again")):
        go()
        left = difference(wanted, snapshot())
        if left:
            raise AssertionError(f"{call}, {word}, is not as it was: {left}")


@pytest.mark.parametrize("state", STATES if FULL else QUICK)
def test_every_operator_in_every_state_is_one_undoable_step_or_a_sentence(tmp_path, state):
    wrong, kinds = [], []
    names = [name for name in operator_classes() if not starts_worker(name) or (FULL and state in WORKED)]
    every = [call for name in names for call in calls(name, tmp_path / "out")]
    for number, call in enumerate(every):
        if number == 0 or wrong or kinds[-1] == "finished":
            _state(state, tmp_path / str(number))
        try:
            kinds.append(_step(call).kind)
        except AssertionError as error:
            wrong.append(str(error))
    tally = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    NOTES.append(f"operators, {state}: {len(every)} calls, {tally}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("walk", range(trials(40, 2)))
def test_a_random_walk_through_the_operators_can_be_gone_back_and_forth(tmp_path, walk):
    dice = random.Random(f"{SEED}/walk/{walk}")
    _state("reconstructed", tmp_path / "state")
    names = [name for name in operator_classes() if not starts_worker(name)]
    moments, done = [snapshot()], []
    for _ in range(trials(25, 10)):
        call = dice.choice(list(calls(dice.choice(names), tmp_path / "out")))
        done.append(str(call))
        if make(call).kind == "finished" and undoable(call.operator):
            moments.append(snapshot())
    for moment in reversed(moments[:-1]):
        bpy.ops.ed.undo()
        assert difference(moment, snapshot()) == [], f"back through {done}"
    for moment in moments[1:]:
        bpy.ops.ed.redo()
        assert difference(moment, snapshot()) == [], f"forth through {done}"


def test_a_state_holds_a_reconstruction_that_operators_can_work_with(tmp_path):
    reconstructed(tmp_path)
    assert bpy.ops.dust3r.look_through_photo.poll() and bpy.ops.dust3r.show_matches.poll()
