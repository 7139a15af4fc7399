"""The form of operators that work on a finished reconstruction."""

import bpy
from bpy.app.translations import pgettext_tip as tip_

from ..scene.reading import find_collection


class OnReconstruction:
    """Is off where the scene holds no reconstruction, else as the next class says."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if find_collection(context) is None:
            cls.poll_message_set(tip_("Reconstruct some photos first"))  # type: ignore[attr-defined]
            return False
        following = getattr(super(), "poll", None)
        return following is None or following(context)
