"""Where all panels are: the sidebar tab "DUSt3R" of the 3D viewport."""

NOTE_WIDTH = 40  # characters that fit into the sidebar's usual width


class SidebarPanel:
    """To be inherited beside bpy.types.Panel."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "DUSt3R"


class FoldedPanel(SidebarPanel):
    """A part of another panel that is closed at first."""

    bl_options = {"DEFAULT_CLOSED"}


class ResultPart(FoldedPanel):
    """What can be done with a finished reconstruction."""

    bl_parent_id = "DUST3R_PT_result"
