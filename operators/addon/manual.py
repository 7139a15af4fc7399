"""F1 and Online Manual on anything of ours: which page of docs/ explains it."""

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
    ("bpy.ops.dust3r.check_runtime*", "runtime.md"),
    ("bpy.types.dust3r_ap_preferences.python*", "runtime.md"),
    ("bpy.ops.dust3r.export*", "export.md"),
    ("bpy.types.dust3r_pg_export.*", "export.md"),
    ("bpy.ops.dust3r.create_mesh*", "meshes.md"),
    ("bpy.types.dust3r_pg_mesh.*", "meshes.md"),
    ("bpy.ops.dust3r.find_flaws*", "cleanup.md"),
    *(
        (f"bpy.ops.dust3r.{name}*", "result.md")
        for name in (
            *("look_through_photo", "next_photo", "leave_photo", "show_photo", "camera_ray", "clear_marks"),
            "update_statistics",
        )
    ),
    *((f"bpy.ops.dust3r.{name}*", "world.md") for name in ("set_", "fit_world", "pick_point")),
    ("bpy.types.dust3r_pg_settings.ground*", "world.md"),
    ("bpy.ops.dust3r.animate_camera*", "camera_path.md"),
    ("bpy.ops.dust3r.match_footage*", "camera_path.md"),
    *(
        (f"bpy.ops.dust3r.{name}*", "photos.md")
        for name in (
            *("add_photos", "add_movie_frames", "add_loaded_images", "paste_photos", "remove_photo", "clear_photos"),
            *("move_photo", "sort_photos", "switch_photos", "keep_keyframes", "clear_frames"),
        )
    ),
    ("bpy.types.dust3r_pg_photo.use*", "photos.md"),
    ("bpy.ops.dust3r.use_as_known*", "known.md"),
    ("bpy.ops.dust3r.read_known*", "known.md"),
    ("bpy.ops.dust3r.forget_known*", "known.md"),
    ("bpy.types.dust3r_pg_photo.*", "known.md"),
    ("bpy.types.dust3r_pg_settings.masks*", "known.md"),
    ("bpy.types.dust3r_pg_settings.*focal", "known.md"),
    ("bpy.ops.dust3r.localize_photo*", "localization.md"),
    ("bpy.ops.dust3r.match_photo_to_model*", "localization.md"),
    ("bpy.ops.dust3r.show_matches*", "matching.md"),
    ("bpy.ops.dust3r.train_on_scene*", "training.md"),
    ("bpy.ops.dust3r.render_training_views*", "training.md"),
    *((f"bpy.ops.dust3r.{name}*", "running.md") for name in ("cancel", "resume", "discard")),
    ("bpy.types.dust3r_pg_job.*", "running.md"),
    ("bpy.ops.dust3r.clear_cache*", "job_folder.md"),
    ("bpy.types.dust3r_pg_settings.scene_graph*", "scene_graph.md"),
    ("bpy.types.dust3r_pg_settings.window*", "scene_graph.md"),
    ("bpy.types.dust3r_pg_settings.reference*", "scene_graph.md"),
    ("bpy.types.dust3r_pg_settings.iterations*", "alignment.md"),
    ("bpy.types.dust3r_pg_settings.schedule*", "alignment.md"),
    ("bpy.ops.dust3r.add_preset*", "interface.md"),
    ("bpy.ops.dust3r.*", "guide.md"),
    ("bpy.types.dust3r_*", "guide.md"),
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
