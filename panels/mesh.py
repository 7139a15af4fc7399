"""Surfaces of a finished reconstruction: folded away under Result."""

import bpy

from .base import SidebarPanel

# which options a kind has
OPTIONS = {
    "fused": ("voxel", "min_island", "texture", "texture_size"),
    "grid": ("max_slope", "min_island", "texture"),
}


class DUST3R_PT_mesh(SidebarPanel, bpy.types.Panel):
    """Kind, options, the button."""

    bl_label = "Mesh"
    bl_translation_context = "DUSt3R"
    bl_parent_id = "DUST3R_PT_result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        mesh, layout = context.scene.dust3r.mesh, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(mesh, "kind")
        for name in OPTIONS[mesh.kind]:
            layout.prop(mesh, name)
        layout.operator("dust3r.create_mesh", icon="MESH_GRID")
