"""The matches of two photos, to look at."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import IntProperty

from ...core.errors import ReconstructionError
from ..reporting import reports_errors
from ..scene.cameras import PHOTO
from ..scene.match_curves import add_match_curves
from ..scene.reading import active_reconstruction, read_reconstruction

if TYPE_CHECKING:
    from ...core.localization.matching import Matches

SHOWN = 200  # matches: more cannot be told apart


class DUST3R_OT_show_matches(bpy.types.Operator):
    """Draw curves between the pixels of two selected cameras' photos that show the same points"""

    bl_idname = "dust3r.show_matches"
    bl_label = "Show Matches"
    bl_options = {"REGISTER", "UNDO"}

    count: IntProperty(name="Curves", description="How many matches are shown", default=SHOWN, min=1, soft_max=2000)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if len(_cameras(context)) != 2:
            cls.poll_message_set(tip_("Select two cameras of one reconstruction"))
            return False
        return True

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        shown, total = self._draw(context)
        self.report({"INFO"}, rpt_("{} matches, {} of them shown").format(total, shown))
        return {"FINISHED"}

    def _draw(self, context: bpy.types.Context) -> tuple[int, int]:
        """How many matches are shown, and how many there are; raises ReconstructionError without any."""
        first, second = _cameras(context)
        collection = active_reconstruction(context)
        world = read_reconstruction(collection).without_flaws()
        views = {view.name: view for view in world.views}
        missing = [camera.name for camera in (first, second) if camera[PHOTO] not in views]
        if missing:
            raise ReconstructionError(f"{missing[0]} has no points in {collection.name}; select photos that made it")
        a, b = views[first[PHOTO]], views[second[PHOTO]]
        found = _match_views()(a, b, world.min_confidence)
        chosen = found.thinned(self.count)
        if not len(chosen.at_a):
            raise ReconstructionError(f"{a.name} and {b.name} show no point together; select two that overlap")
        add_match_curves(collection, (first, second), chosen.pixels(a.mapping, b.mapping))
        return len(chosen.at_a), len(found.at_a)


def _cameras(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected cameras that reconstructions made, by name."""
    ours = [thing for thing in context.selected_objects if thing.type == "CAMERA" and PHOTO in thing]
    return sorted(ours, key=lambda camera: camera.name)


def _match_views() -> "Callable[..., Matches]":
    """core's, imported only when it is needed: it brings SciPy."""
    try:
        from ...core.localization.matching import match_views
    except ModuleNotFoundError as error:
        raise ReconstructionError(f"This Blender's Python has no {error.name}; install the extension's zip") from error
    return match_views
