"""How an operator ends when what it was asked for cannot be done."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import bpy

from ..core.errors import ReconstructionError

Execute = Callable[[Any, bpy.types.Context], set[Any]]


def reports_errors(execute: Execute) -> Execute:
    """An operator's `execute` that reports the sentence of a ReconstructionError, and is cancelled."""

    @wraps(execute)
    def reporting(self: Any, context: bpy.types.Context) -> set[Any]:  # Blender counts the arguments
        try:
            return execute(self, context)
        except ReconstructionError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    return reporting
