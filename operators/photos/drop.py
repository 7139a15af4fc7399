"""Photos and movies that are dropped onto the 3D viewport while the DUSt3R tab is open."""

import bpy

from ...core.images.reader import SUFFIXES
from ...core.images.video import MOVIE_SUFFIXES
from ...panels.base import SidebarPanel


class DUST3R_FH_photos(bpy.types.FileHandler):
    """Into the list of photos."""

    bl_idname = "DUST3R_FH_photos"
    bl_label = "Photos for DUSt3R"
    bl_import_operator = "dust3r.add_photos"
    bl_file_extensions = ";".join(sorted(SUFFIXES))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return is_tab_open(context.area)


class DUST3R_FH_movies(bpy.types.FileHandler):
    """Their frames into the list of photos."""

    bl_idname = "DUST3R_FH_movies"
    bl_label = "Movie for DUSt3R"
    bl_import_operator = "dust3r.add_movie_frames"
    bl_file_extensions = ";".join(sorted(MOVIE_SUFFIXES))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return is_tab_open(context.area)


def is_tab_open(area: bpy.types.Area | None) -> bool:
    """Elsewhere, and while another tab is open, what is dropped stays Blender's own: reference images and the like."""
    if area is None or area.type != SidebarPanel.bl_space_type:
        return False
    sidebar = next((region for region in area.regions if region.type == SidebarPanel.bl_region_type), None)
    return bool(sidebar and sidebar.width > 1 and sidebar.active_panel_category == SidebarPanel.bl_category)
