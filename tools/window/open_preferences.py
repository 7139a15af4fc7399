"""Run inside a windowed Blender (--python): the extension's preferences after a self-test, and say when they show.

Environment: READY as for open_sidebar.py; PYTHON (another interpreter for the worker, default: Blender's own).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

EXTENSION = "bl_ext.user_default.dust3r"


def steps() -> Iterator[float]:
    """Turn the 3D view into preferences, test, then write READY; yields the seconds to wait between."""
    window: Any = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    area.type = "PREFERENCES"
    yield 1.0
    preferences: Any = bpy.context.preferences
    preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "DUSt3R"
    bpy.ops.preferences.addon_expand(module=EXTENSION)
    if os.environ.get("PYTHON"):
        with bpy.context.temp_override(window=window, area=area):
            preferences.addons[EXTENSION].preferences.python = os.environ["PYTHON"]  # is checked at once
    else:
        with bpy.context.temp_override(window=window, area=area):
            operators: Any = bpy.ops
            operators.dust3r.check_runtime("INVOKE_DEFAULT", self_test=True)
    manager: Any = bpy.context.window_manager
    while manager.dust3r_job.running:
        yield 0.3
    area.tag_redraw()
    yield 1.0
    if os.environ.get("READY"):
        Path(os.environ["READY"]).write_text(
            json.dumps({"area": (area.x, area.y, area.width, area.height)}), encoding="utf-8"
        )


def run() -> None:
    """Start the steps in a timer, since nothing is drawn while a script runs."""
    preferences: Any = bpy.context.preferences
    preferences.view.show_splash = False
    preferences.use_preferences_save = False
    sequence = steps()
    bpy.app.timers.register(lambda: next(sequence, None), first_interval=0.5)


run()
