"""The open scene as training data in a folder."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import IntProperty, IntVectorProperty, StringProperty

from ...core.errors import InputError
from ...training.view_settings import ViewSettings
from ..reporting import reports_errors
from ..scene.training_views import render_training_views

DEFAULTS = ViewSettings()


class ViewProperties:
    """What is rendered of a scene, as Blender properties."""

    views: IntProperty(name="Views", description="Cameras placed in free space", default=DEFAULTS.views, min=2)
    size: IntVectorProperty(
        name="Size", description="Width and height of a view, pixels", size=2, default=DEFAULTS.size, min=16, max=16384
    )
    samples: IntProperty(
        name="Samples", description="Of Cycles per pixel, denoised afterwards", default=DEFAULTS.samples, min=1
    )
    seed: IntProperty(name="Seed", description="For where the cameras stand", default=DEFAULTS.seed, min=0)


def read_view_settings(owner: Any) -> ViewSettings:
    """Core's settings from the properties above."""
    return ViewSettings(owner.views, (owner.size[0], owner.size[1]), owner.samples, owner.seed)


class DUST3R_OT_render_training_views(ViewProperties, bpy.types.Operator):
    """Render views of this scene from free space, with exact depth and cameras, as training data"""

    bl_idname = "dust3r.render_training_views"
    bl_label = "Render Training Views"

    folder: StringProperty(name="Folder", description="Where to; new or empty", subtype="DIR_PATH")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        return context.window_manager.invoke_props_dialog(self, width=420)

    @reports_errors
    def execute(self, context: bpy.types.Context) -> set[Any]:
        manager = context.window_manager
        manager.progress_begin(0, 1)
        try:
            if not self.folder:
                raise InputError("No folder was given; choose a new or empty one")
            folder = Path(bpy.path.abspath(self.folder))
            warnings = render_training_views(
                context.scene,
                folder,
                read_view_settings(self),
                lambda stage, done, total: manager.progress_update(done / total),
            )
        finally:
            manager.progress_end()
        for warning in warnings:
            self.report({"WARNING"}, warning)
        return {"FINISHED"}
