"""Everything that Blender is told of on enable and forgets on disable."""

import bpy
from bpy.props import PointerProperty

from ..cli.main import main
from ..panels.sidebar import PANELS
from . import running, thumbnails
from .download_model import DUST3R_OT_download_model
from .look_through_photo import DUST3R_OT_look_through_photo
from .photos import DUST3R_OT_add_photos, DUST3R_OT_clear_photos, DUST3R_OT_remove_photo
from .preferences import DUST3R_AP_preferences
from .properties import DUST3R_PG_job, DUST3R_PG_photo, DUST3R_PG_settings
from .reconstruct import DUST3R_OT_reconstruct

COMMAND = "dust3r"  # blender --command dust3r reconstruct ...
CLASSES = (
    DUST3R_AP_preferences,
    DUST3R_PG_photo,
    DUST3R_PG_settings,
    DUST3R_PG_job,
    DUST3R_OT_add_photos,
    DUST3R_OT_remove_photo,
    DUST3R_OT_clear_photos,
    DUST3R_OT_reconstruct,
    running.DUST3R_OT_cancel,
    DUST3R_OT_download_model,
    DUST3R_OT_look_through_photo,
    *PANELS,
)
POINTERS = {
    bpy.types.Scene: ("dust3r", DUST3R_PG_settings),
    bpy.types.WindowManager: ("dust3r_job", DUST3R_PG_job),
}
_commands: list[object] = []


def register() -> None:
    """Tell Blender of every class, property, handler and command."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    for owner, (name, group) in POINTERS.items():
        setattr(owner, name, PointerProperty(type=group))
    bpy.app.handlers.load_pre.append(running.stop_before_load)
    running.open()
    thumbnails.open_previews()
    _commands.append(bpy.utils.register_cli_command(COMMAND, _command))


def unregister() -> None:
    """Take all of it back, the running worker first."""
    running.close()
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    thumbnails.close_previews()
    bpy.app.handlers.load_pre.remove(running.stop_before_load)
    for owner, (name, _) in POINTERS.items():
        delattr(owner, name)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)


def _command(arguments: list[str]) -> int:
    return main(arguments, prog=f"blender --command {COMMAND}")
