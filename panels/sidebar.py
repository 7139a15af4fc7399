"""The sidebar tab "DUSt3R": model, Reconstruct; everything else is folded away, rare things last."""

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .addon import DUST3R_PT_presets
from .base import FoldedPanel, SidebarPanel, draw_text
from .jobs import draw_interrupted, draw_job, draw_problem


class DUST3R_PT_reconstruct(SidebarPanel, bpy.types.Panel):
    """The model and the button."""

    bl_label = "Reconstruction"
    bl_translation_context = "DUSt3R"
    bl_order = 1

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        DUST3R_PT_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        settings, job, layout = _settings(context), context.window_manager.dust3r_job, self.layout
        column = layout.column()
        column.enabled = not job.running
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "model")
        if settings.model == "FILE":
            column.prop(settings, "model_path")
        _draw_note(column, settings.model_note)
        if settings.offered_model and not job.running:
            _draw_offer(column.box(), settings)
        column.prop(settings, "device")
        column.prop(settings, "scene_graph")
        if settings.scene_graph in {"swin", "logwin"}:
            column.prop(settings, "window")
        elif settings.scene_graph == "oneref":
            column.prop(settings, "reference")
        if settings.result is not None:
            column.prop(settings, "replace_result")
        if job.running:
            draw_job(layout, job)
            return
        draw_problem(layout, job)
        draw_interrupted(layout, job)
        row = layout.row()
        row.scale_y = 1.5
        row.enabled = not settings.missing
        row.operator("dust3r.reconstruct", icon="OUTLINER_OB_POINTCLOUD")
        if settings.missing:
            _draw_note(layout, settings.missing)


class DUST3R_PT_refinement(FoldedPanel, bpy.types.Panel):
    """What a first-time user need not touch."""

    bl_label = "Refinement"
    bl_parent_id = "DUST3R_PT_reconstruct"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.enabled = not context.window_manager.dust3r_job.running
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        settings = _settings(context)
        self.layout.prop(settings, "hides_quarter")
        if not settings.hides_quarter:
            self.layout.prop(settings, "min_confidence")
        for name in (
            "optimize_principal_point",
            "iterations",
            "schedule",
            "cameras",
            "lens_distortion",
            "surfaces",
            "surface_resolution",
            "ground",
            "seed",
            "photo_frames",
        ):
            self.layout.prop(settings, name)


class DUST3R_PT_models(FoldedPanel, bpy.types.Panel):
    """Downloads."""

    bl_label = "Models"
    bl_order = 4

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.label(text="The bundled model is small.", icon="INFO")
        column.label(text="Download a full model for results.")
        column.operator("dust3r.download_model", icon="IMPORT")


class DUST3R_PT_train(FoldedPanel, bpy.types.Panel):
    """A model of one's own."""

    bl_label = "Train on This Scene"
    bl_order = 5

    def draw(self, context: bpy.types.Context) -> None:
        note = iface_("Renders views of the open scene and trains the model chosen above further on them.")
        _draw_note(self.layout, note)
        self.layout.operator("dust3r.train_on_scene", icon="SHADERFX")
        self.layout.operator("dust3r.render_training_views", icon="RENDER_STILL")


PANELS = (
    DUST3R_PT_reconstruct,
    DUST3R_PT_refinement,
    DUST3R_PT_models,
    DUST3R_PT_train,
)


def _draw_offer(box: bpy.types.UILayout, settings: Any) -> None:
    """The download of what is chosen, or of what is worth more than anything else before a first reconstruction."""
    _draw_note(box, settings.offer_text)
    if not bpy.app.online_access and not bpy.app.online_access_override:
        box.prop(bpy.context.preferences.system, "use_online_access", text="Allow Online Access")
    box.operator("dust3r.download_model", text="Download", icon="IMPORT").model = settings.offered_model


def _settings(context: bpy.types.Context) -> Any:
    return context.scene.dust3r


def _draw_note(layout: bpy.types.UILayout, note: str) -> None:
    column = layout.column()
    column.active = False
    draw_text(column, note)
