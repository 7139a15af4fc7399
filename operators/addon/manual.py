"""F1 and Online Manual on anything of ours: the page and section of docs/ that describes it."""

from pathlib import Path

import bpy

PREFIX = (Path(__file__).resolve().parents[2] / "docs").as_uri() + "/"  # the pages travel with the extension
# the first pattern that fits counts; Blender asks for names in small letters
PAGES = (
    *(
        (f"bpy.ops.dust3r.{name}_model*", "models.md")
        for name in ("download", "add", "verify", "remove", "open", "copy")
    ),
    ("bpy.types.dust3r_ap_preferences.model_folder*", "models.md"),
    ("bpy.types.dust3r_ap_preferences.commercial*", "models.md"),
    ("bpy.ops.dust3r.check_runtime*", "models.md#runtime"),
    ("bpy.ops.dust3r.*_runtime*", "models.md#another-python-for-a-gpu"),
    ("bpy.types.dust3r_ap_preferences.python*", "models.md#runtime"),
    ("bpy.ops.dust3r.export*", "export.md"),
    ("bpy.types.dust3r_pg_export.*", "export.md"),
    ("bpy.ops.dust3r.create_mesh*", "export.md#meshes"),
    ("bpy.types.dust3r_pg_mesh.*", "export.md#meshes"),
    ("bpy.ops.dust3r.find_flaws*", "results.md#clean-up"),
    *(
        (f"bpy.ops.dust3r.{name}*", "results.md")
        for name in (
            *("look_through_photo", "next_photo", "leave_photo", "show_photo", "camera_ray", "clear_marks"),
            "update_statistics",
        )
    ),
    *(
        (f"bpy.ops.dust3r.{name}*", "results.md#ground-scale-origin-north")
        for name in ("set_", "fit_world", "pick_point")
    ),
    ("bpy.types.dust3r_pg_settings.ground*", "results.md#ground-scale-origin-north"),
    ("bpy.ops.dust3r.animate_camera*", "results.md#shots"),
    ("bpy.ops.dust3r.match_footage*", "results.md#shots"),
    *(
        (f"bpy.ops.dust3r.{name}*", "photos.md")
        for name in (
            *("add_photos", "add_movie_frames", "add_loaded_images", "paste_photos", "remove_photo", "clear_photos"),
            *("move_photo", "sort_photos", "switch_photos", "keep_keyframes", "clear_frames"),
        )
    ),
    ("bpy.types.dust3r_pg_photo.use*", "photos.md"),
    ("bpy.ops.dust3r.use_as_known*", "photos.md#known-cameras"),
    ("bpy.ops.dust3r.read_known*", "photos.md#known-cameras"),
    ("bpy.ops.dust3r.forget_known*", "photos.md#known-cameras"),
    ("bpy.types.dust3r_pg_photo.*", "photos.md#known-cameras"),
    ("bpy.types.dust3r_pg_settings.masks*", "photos.md#masks"),
    ("bpy.types.dust3r_pg_settings.*focal", "photos.md#focal-lengths-in-exif"),
    ("bpy.ops.dust3r.localize_photo*", "localization.md#localize-a-photo"),
    ("bpy.ops.dust3r.match_photo_to_model*", "localization.md#a-photo-against-a-model"),
    ("bpy.ops.dust3r.show_matches*", "localization.md#matches"),
    ("bpy.ops.dust3r.train_on_scene*", "training.md#training-on-a-scene"),
    ("bpy.ops.dust3r.render_training_views*", "training.md#training-on-a-scene"),
    *((f"bpy.ops.dust3r.{name}*", "start.md#while-a-job-runs") for name in ("cancel", "resume", "discard")),
    ("bpy.types.dust3r_pg_job.*", "start.md#while-a-job-runs"),
    ("bpy.ops.dust3r.clear_cache*", "command_line.md#the-job-folder"),
    ("bpy.types.dust3r_pg_settings.scene_graph*", "method.md#scene-graph"),
    ("bpy.types.dust3r_pg_settings.window*", "method.md#scene-graph"),
    ("bpy.types.dust3r_pg_settings.reference*", "method.md#scene-graph"),
    ("bpy.types.dust3r_pg_settings.iterations*", "method.md#alignment"),
    ("bpy.types.dust3r_pg_settings.schedule*", "method.md#alignment"),
    ("bpy.ops.dust3r.add_preset*", "start.md#presets-search-languages"),
    ("bpy.ops.dust3r.*", "start.md"),
    ("bpy.types.dust3r_*", "start.md"),
)


def manual_map() -> tuple[str, tuple[tuple[str, str], ...]]:
    """What bpy.utils.register_manual_map asks for: where the pages are, and which is for what."""
    return PREFIX, PAGES


def register() -> None:
    """Let F1 find the pages."""
    bpy.utils.register_manual_map(manual_map)


def unregister() -> None:
    """Take it back."""
    bpy.utils.unregister_manual_map(manual_map)
