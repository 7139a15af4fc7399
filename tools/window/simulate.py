"""Mouse and keys for a windowed Blender started with --enable-event-simulate; y counts from the bottom.

In a --python script:
    from simulate import click, key, drive
    def steps(window):
        yield from click(window, 1165, 750)
        yield from key(window, "ESC", 800, 400)
    drive(steps)
A step yields the seconds to wait. An exception ends Blender with status 3, since timers do not honour
--python-exit-code. For logic prefer bpy.ops inside context.temp_override(window=, area=, region=).
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import bpy


def click(window: Any, x: int, y: int) -> Iterator[float]:
    """Move to (x, y), pixels from the bottom left, and press the left button there."""
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    yield 0.2
    for value in ("PRESS", "RELEASE"):
        window.event_simulate(type="LEFTMOUSE", value=value, x=x, y=y)
        yield 0.15


def key(window: Any, name: str, x: int, y: int, unicode: str | None = None, **modifiers: bool) -> Iterator[float]:
    """Press and release a key, e.g. "ESC"; modifiers: ctrl, shift, alt, oskey."""
    press = {"unicode": unicode} if unicode else {}
    window.event_simulate(type=name, value="PRESS", x=x, y=y, **press, **modifiers)
    yield 0.05
    window.event_simulate(type=name, value="RELEASE", x=x, y=y, **modifiers)
    yield 0.05


def drive(steps: Callable[[Any], Iterator[float]], quit_after: bool = True) -> None:
    """Run the steps on the first window, from a timer."""
    running: list[Iterator[float]] = []

    def tick() -> float | None:
        try:
            if not running:
                running.append(steps(bpy.context.window_manager.windows[0]))
            return next(running[0])
        except StopIteration:
            if quit_after:
                bpy.ops.wm.quit_blender()
        except Exception:  # noqa: BLE001 - whatever went wrong, the run has failed
            traceback.print_exc()
            os._exit(3)
        return None

    bpy.app.timers.register(tick, first_interval=0.5)
