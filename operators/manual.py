"""F1 and Online Manual on anything of ours: which page of docs/ explains it."""

from pathlib import Path

import bpy

PREFIX = (Path(__file__).resolve().parent.parent / "docs").as_uri() + "/"  # the pages travel with the extension
# the first pattern that fits counts; Blender asks for names in small letters
PAGES = (
    ("bpy.ops.dust3r.export*", "export.md"),
    ("bpy.types.dust3r_pg_export.*", "export.md"),
    ("bpy.ops.dust3r.create_mesh*", "blender.md"),
    ("bpy.types.dust3r_pg_mesh.*", "blender.md"),
    ("bpy.ops.dust3r.find_flaws*", "cleanup.md"),
    *((f"bpy.ops.dust3r.{name}*", "world.md") for name in ("set_", "fit_world", "pick_point")),
    ("bpy.types.dust3r_pg_settings.ground*", "world.md"),
    ("bpy.ops.dust3r.animate_camera*", "camera_path.md"),
    ("bpy.ops.dust3r.match_footage*", "camera_path.md"),
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
    ("bpy.ops.dust3r.clear_cache*", "job_folder.md"),
    ("bpy.types.dust3r_pg_settings.scene_graph*", "scene_graph.md"),
    ("bpy.types.dust3r_pg_settings.window*", "scene_graph.md"),
    ("bpy.types.dust3r_pg_settings.reference*", "scene_graph.md"),
    ("bpy.types.dust3r_pg_settings.iterations*", "alignment.md"),
    ("bpy.types.dust3r_pg_settings.schedule*", "alignment.md"),
    ("bpy.ops.dust3r.*", "blender.md"),
    ("bpy.types.dust3r_*", "blender.md"),
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
