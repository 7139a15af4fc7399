"""Where all panels are: the sidebar tab "DUSt3R" of the 3D viewport."""


class SidebarPanel:
    """To be inherited beside bpy.types.Panel."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "DUSt3R"
