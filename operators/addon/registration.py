"""Everything that Blender is told of on enable and forgets on disable."""

import atexit
from contextlib import ExitStack
from typing import Any

import bpy
from bpy.props import PointerProperty

from ...cli.main import main
from ...panels.jobs import RUNNING_PANELS
from ...panels.localization import DUST3R_PT_localize, DUST3R_PT_match_to_model
from ...panels.output import DUST3R_PT_export
from ...panels.photos import PHOTO_PANELS
from ...panels.result import RESULT_PANELS
from ...panels.sidebar import PANELS
from ..jobs import running, scene_jobs
from ..jobs.reconstruct import DUST3R_OT_reconstruct
from ..jobs.resume import DUST3R_OT_discard, DUST3R_OT_resume
from ..jobs.second_blender import COMMAND
from ..localization.localize import DUST3R_OT_localize_photo
from ..localization.match_to_model import DUST3R_OT_match_photo_to_model
from ..localization.show_matches import DUST3R_OT_show_matches
from ..models.download import DUST3R_OT_download_model
from ..models.manage import (
    DUST3R_OT_add_model,
    DUST3R_OT_copy_model_steps,
    DUST3R_OT_open_model_folder,
    DUST3R_OT_remove_model,
    DUST3R_OT_verify_model,
)
from ..output.export import DUST3R_OT_export
from ..output.export_properties import DUST3R_PG_export
from ..photos import thumbnails
from ..photos.adding import (
    DUST3R_OT_add_loaded_images,
    DUST3R_OT_add_photos,
    DUST3R_OT_clear_photos,
    DUST3R_OT_paste_photos,
    DUST3R_OT_remove_photo,
)
from ..photos.drop import DUST3R_FH_movies, DUST3R_FH_photos
from ..photos.extracted import DUST3R_OT_clear_frames
from ..photos.known import DUST3R_OT_forget_known, DUST3R_OT_read_known, DUST3R_OT_use_as_known
from ..photos.movie_frames import DUST3R_OT_add_movie_frames, DUST3R_OT_keep_keyframes
from ..photos.order import DUST3R_OT_move_photo, DUST3R_OT_sort_photos, DUST3R_OT_switch_photos
from ..photos.properties import DUST3R_PG_photo
from ..result.camera_path import DUST3R_OT_animate_camera, DUST3R_OT_match_footage, DUST3R_OT_render_shot
from ..result.camera_ray import DUST3R_OT_camera_ray, DUST3R_OT_clear_marks
from ..result.cleanup import DUST3R_OT_find_flaws
from ..result.look_through_photo import DUST3R_OT_leave_photo, DUST3R_OT_look_through_photo, DUST3R_OT_next_photo
from ..result.mesh import DUST3R_OT_create_mesh
from ..result.mesh_properties import DUST3R_PG_mesh
from ..result.several import DUST3R_OT_choose_result, DUST3R_OT_dismiss
from ..result.show_photo import DUST3R_OT_show_photo
from ..result.statistics import DUST3R_OT_update_statistics
from ..result.world import (
    DUST3R_OT_fit_world,
    DUST3R_OT_pick_point,
    DUST3R_OT_set_ground,
    DUST3R_OT_set_north,
    DUST3R_OT_set_origin,
    DUST3R_OT_set_scale,
)
from ..scene import solid_colors
from ..training.train_on_scene import DUST3R_OT_train_on_scene
from ..training.training_views import DUST3R_OT_render_training_views
from . import manual, presets, renewal, search, translation
from .check_runtime import DUST3R_OT_check_runtime
from .clear_cache import DUST3R_OT_clear_cache
from .install_runtime import DUST3R_OT_install_runtime, DUST3R_OT_prepare_runtime, DUST3R_OT_remove_runtime
from .preferences import DUST3R_AP_preferences
from .properties import DUST3R_PG_job, DUST3R_PG_settings

CLASSES = (
    DUST3R_AP_preferences,
    DUST3R_PG_photo,
    DUST3R_PG_export,
    DUST3R_PG_mesh,
    DUST3R_PG_settings,
    DUST3R_PG_job,
    DUST3R_OT_add_photos,
    DUST3R_OT_add_movie_frames,
    DUST3R_OT_add_loaded_images,
    DUST3R_OT_paste_photos,
    DUST3R_OT_remove_photo,
    DUST3R_OT_clear_photos,
    DUST3R_OT_move_photo,
    DUST3R_OT_sort_photos,
    DUST3R_OT_switch_photos,
    DUST3R_OT_keep_keyframes,
    DUST3R_OT_clear_frames,
    DUST3R_FH_photos,
    DUST3R_FH_movies,
    DUST3R_OT_use_as_known,
    DUST3R_OT_read_known,
    DUST3R_OT_forget_known,
    DUST3R_OT_reconstruct,
    DUST3R_OT_resume,
    DUST3R_OT_discard,
    running.DUST3R_OT_cancel,
    DUST3R_OT_download_model,
    DUST3R_OT_add_model,
    DUST3R_OT_verify_model,
    DUST3R_OT_remove_model,
    DUST3R_OT_open_model_folder,
    DUST3R_OT_copy_model_steps,
    DUST3R_OT_check_runtime,
    DUST3R_OT_prepare_runtime,
    DUST3R_OT_install_runtime,
    DUST3R_OT_remove_runtime,
    DUST3R_OT_clear_cache,
    DUST3R_OT_look_through_photo,
    DUST3R_OT_next_photo,
    DUST3R_OT_leave_photo,
    DUST3R_OT_show_photo,
    DUST3R_OT_camera_ray,
    DUST3R_OT_clear_marks,
    DUST3R_OT_update_statistics,
    DUST3R_OT_choose_result,
    DUST3R_OT_dismiss,
    DUST3R_OT_create_mesh,
    DUST3R_OT_find_flaws,
    DUST3R_OT_pick_point,
    DUST3R_OT_set_ground,
    DUST3R_OT_set_scale,
    DUST3R_OT_set_origin,
    DUST3R_OT_set_north,
    DUST3R_OT_fit_world,
    DUST3R_OT_animate_camera,
    DUST3R_OT_match_footage,
    DUST3R_OT_render_shot,
    DUST3R_OT_export,
    DUST3R_OT_localize_photo,
    DUST3R_OT_match_photo_to_model,
    DUST3R_OT_show_matches,
    DUST3R_OT_render_training_views,
    DUST3R_OT_train_on_scene,
    *PHOTO_PANELS,
    *PANELS,
    *RESULT_PANELS,
    DUST3R_PT_export,
    *RUNNING_PANELS,
    DUST3R_PT_localize,
    DUST3R_PT_match_to_model,
)
POINTERS = {
    bpy.types.Scene: ("dust3r", DUST3R_PG_settings),
    bpy.types.WindowManager: ("dust3r_job", DUST3R_PG_job),
}
AMENITIES = (translation, manual, presets, search, renewal, scene_jobs, solid_colors)  # each registers itself
_registered = ExitStack()  # takes everything back, last first


def register() -> None:
    """Tell Blender of every class, property, handler and command; on an error, of none."""
    global _registered
    with ExitStack() as stack:
        for cls in CLASSES:
            bpy.utils.register_class(cls)
            stack.callback(bpy.utils.unregister_class, cls)
        for owner, (name, group) in POINTERS.items():
            setattr(owner, name, PointerProperty(type=group))
            stack.callback(delattr, owner, name)
        for amenity in AMENITIES:
            amenity.register()
            stack.callback(amenity.unregister)
        before_load: list[Any] = bpy.app.handlers.load_pre
        before_load.append(running.stop_before_load)
        stack.callback(before_load.remove, running.stop_before_load)
        stack.callback(thumbnails.close_previews)
        stack.callback(bpy.utils.unregister_cli_command, bpy.utils.register_cli_command(COMMAND, _command))
        atexit.register(running.stop)
        stack.callback(atexit.unregister, running.stop)
        stack.callback(running.stop_with_extension)
        _registered = stack.pop_all()


def unregister() -> None:
    """Take all of it back, the running worker first."""
    _registered.close()


def _command(arguments: list[str]) -> int:
    return main(arguments, prog=f"blender --command {COMMAND}")
