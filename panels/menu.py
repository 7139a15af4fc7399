"""Every operator in a menu, so that Blender's search (F3) finds it by name."""

import bpy

NAME = "DUST3R_OT_"


class DUST3R_MT_operators(bpy.types.Menu):
    """What the sidebar offers, in the order of the alphabet."""

    bl_label = "DUSt3R"

    def draw(self, context: bpy.types.Context) -> None:
        for label, name in sorted(searchable_operators()):
            self.layout.operator(name, text=label)


def searchable_operators() -> list[tuple[str, str]]:
    """Label and name of every operator of ours that is not for Blender's interface alone."""
    ours = (getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith(NAME))
    return [(cls.bl_label, cls.bl_idname) for cls in ours if "INTERNAL" not in getattr(cls, "bl_options", ())]


def draw_in_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Appended to the 3D viewport's Object menu."""
    menu.layout.separator()
    menu.layout.menu("DUST3R_MT_operators", icon="OUTLINER_OB_POINTCLOUD")
