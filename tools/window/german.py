"""SETUP of open_sidebar.py: the interface in German, with photos in the list and the presets' menu open.

Environment: PHOTOS, a folder. Blender's own translation has to be there, which the bpy wheels lack.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

MENU_AT = (860, 470)  # pixels of the window


def steps() -> Iterator[float]:
    """Open the presets as a click on the sliders in the header does, then write READY; yields the seconds to wait."""
    ready = os.environ.pop("READY")  # or open_sidebar.py writes it before the menu is open
    yield 6.0  # until the thumbnails are there
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    window.cursor_warp(*MENU_AT)
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.wm.call_panel(name="DUST3R_PT_presets")
    yield 0.3
    window.cursor_warp(MENU_AT[0], MENU_AT[1] - 80)  # where no tooltip hides a preset
    yield 1.0
    Path(ready).write_text("{}", encoding="utf-8")


def setup() -> None:
    """Change the language, add the photos."""
    view = bpy.context.preferences.view
    view.language = "de_DE"
    view.use_translate_interface = view.use_translate_tooltips = True
    assert iface_("Reconstruct", "Operator") == "Rekonstruieren", "the translation did not come along"
    operators: Any = bpy.ops
    operators.dust3r.add_photos(directory=os.environ["PHOTOS"])
    sequence = steps()
    bpy.app.timers.register(lambda: next(sequence, None), first_interval=next(sequence))


setup()
