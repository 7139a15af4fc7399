"""Run inside a windowed Blender (--python): open the 3D view's sidebar on one tab and say when it shows.

Environment: READY (the file to write then; window_shot.py --ready sets it), TAB (the panel's category, default DUSt3R),
SETUP (a Python file to run before, with `window`, `area` and `region`: to choose photos, to start the operator, …).
"""

from __future__ import annotations

import json
import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

TAB = os.environ.get("TAB", "DUSt3R")
TRIES = 30  # a new category can be chosen only after the sidebar was drawn with it
PAUSE = 0.3  # seconds


def view() -> tuple[Any, Any, Any]:
    """The first window, its 3D view and the sidebar's region."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    return window, area, next(region for region in area.regions if region.type == "UI")


def steps() -> Iterator[float]:
    """Open the tab, then write READY; yields the seconds to wait between."""
    window, area, region = view()
    if os.environ.get("SETUP"):
        runpy.run_path(os.environ["SETUP"], init_globals={"window": window, "area": area, "region": region})
    area.spaces[0].show_region_ui = True
    for _ in range(TRIES):
        area.tag_redraw()
        yield PAUSE
        _, area, region = view()
        if region.active_panel_category == TAB:
            break
        region.active_panel_category = TAB
    shown = {
        "window": (window.width, window.height),
        "sidebar": (region.x, region.y, region.width, region.height),
        "tab": region.active_panel_category,
    }
    if os.environ.get("READY"):
        Path(os.environ["READY"]).write_text(json.dumps(shown), encoding="utf-8")


def run() -> None:
    """Start the steps in a timer, since nothing is drawn while a script runs."""
    preferences: Any = bpy.context.preferences
    preferences.view.show_splash = False
    preferences.use_preferences_save = False
    sequence = steps()
    bpy.app.timers.register(lambda: next(sequence, None), first_interval=0.5)


run()
