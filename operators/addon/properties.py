"""What the panel edits: settings on the scene, the photo list, and the state of the running job."""

import zlib
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ...core.checkpoints.catalogue import known_model
from ...core.checkpoints.local import find_model, first_download, list_models
from ...core.settings import AUTO_SURFACE, LARGEST_SURFACE, AlignmentSettings, ReconstructionSettings
from ..jobs.scene_jobs import interrupted_job
from ..output.export_properties import DUST3R_PG_export
from ..photos.properties import DUST3R_PG_photo
from ..result.mesh_properties import DUST3R_PG_mesh
from .preferences import commercial_only, model_folder
from .result_state import ResultState

DEFAULTS = ReconstructionSettings()
ALIGNMENT = DEFAULTS.alignment
BEST, FILE = "BEST", "FILE"
PREVIEWS = 24  # photos on a page of large previews
SOME_CONFIDENCE = 1.5  # where the least certain quarter is not what is hidden
FIRST_OWN = 100  # files keep the number of a choice: the user's own models have theirs by name, far from the known ones
# Numbers of the other choices, by place: files keep them, so that new ones come last.
NUMBERED = (BEST, "512_dpt", "512_linear", "224_linear", "small", FILE, "da3_base", "da3_small")
GRAPHS = (  # numbered as in the first version, which had no automatic one
    ("auto", "Automatic", "Photos that look alike, and more where the model is unsure: at most 12 others for each", 4),
    ("complete", "Complete", "Every photo with every other: slow beyond about 20 photos", 0),
    ("swin", "Sliding Window", "Each photo with the next few: for videos and walks around something", 1),
    ("logwin", "Logarithmic Window", "Each photo with those 1, 2, 4, ... after it: for long sequences", 2),
    ("oneref", "One Reference", "One photo with every other", 3),
)
Item = tuple[str, str, str, str, int]
_kept: dict[Item, Item] = {}  # every item ever shown: Blender keeps no reference to the strings of a dynamic enum


def _models(owner: Any, context: bpy.types.Context | None) -> list[Item]:
    items = [(BEST, "Best Available", "The most capable model on this machine")]
    own: list[Item] = []
    is_filtered = commercial_only(context or bpy.context)
    statuses = list_models(model_folder(context or bpy.context))
    for status in sorted(statuses, key=lambda status: not status.present):
        model, state = status.model, "" if status.present else f" ({iface_('not downloaded')})"
        if is_filtered and not model.commercial:
            state = f" ({iface_('not known to allow commercial use')})"
        item = (model.short_name, f"{model.title}{state}", f"{model.note}. {model.terms}")
        if known_model(model.name):
            items.append(item)
        else:
            own.append((*item, "NONE", FIRST_OWN + zlib.crc32(model.name.encode()) // 4))
    items.append((FILE, "File or Folder", "A checkpoint of your own: config.json and model.safetensors, or .pth"))
    numbered: list[Item] = [(*item, "NONE", NUMBERED.index(item[0])) for item in items]
    return [_kept.setdefault(item, item) for item in (*numbered, *own)]


class ReconstructionProperties:
    """The settings of a reconstruction as Blender properties: the scene and the operator inherit the same."""

    model: EnumProperty(name="Model", description="The network that reads the photos", items=_models)
    model_path: StringProperty(name="Model Path", description="A checkpoint file or folder", subtype="FILE_PATH")
    device: EnumProperty(
        name="Device",
        description="Where the network runs",
        items=(
            ("auto", "Automatic", "The fastest one available"),
            ("cpu", "CPU", "The processor"),
            ("cuda", "CUDA", "An NVIDIA or ROCm graphics card"),
            ("mps", "Metal (MPS)", "Apple's graphics processor"),
        ),
        default=DEFAULTS.device,
    )
    scene_graph: EnumProperty(
        name="Photo Pairs",
        description="Which photos are compared with each other",
        items=GRAPHS,
        default=DEFAULTS.scene_graph,
    )
    window: IntProperty(
        name="Next Photos", description="How many photos after each it is compared with", default=3, min=1, max=100
    )
    reference: IntProperty(
        name="Reference", description="The photo that all others are compared with, counted from 0", default=0, min=0
    )
    min_confidence: FloatProperty(
        name="Minimum Confidence",
        description="Points below are hidden, 0 hides the least certain quarter; the modifier on the points changes "
        "it at any time",
        default=DEFAULTS.min_confidence or 0,
        min=0,
        soft_max=20,
    )
    iterations: IntProperty(
        name="Iterations",
        description="The most steps that refine cameras and points",
        default=ALIGNMENT.iterations,
        min=0,
    )
    schedule: EnumProperty(
        name="Schedule",
        description="How the steps get smaller",
        items=(("cosine", "Cosine", "Slowly at both ends"), ("linear", "Linear", "Evenly")),
        default=ALIGNMENT.schedule,
    )
    shared_focal: EnumProperty(
        name="Shared Focal Length",
        description="Which photos come from one camera at one zoom",
        items=(  # numbered as the checkbox that this was once
            ("off", "None", "Each photo has its own", 0),
            ("size", "Same Size", "Photos with as many pixels across and down", 1),
            ("exif", "Same Camera", "Photos of one camera, lens, zoom and size, as they say themselves (EXIF)", 2),
        ),
        default=ALIGNMENT.shared_focal,
    )
    exif_focal: BoolProperty(
        name="Focal Length from EXIF",
        description="Use the focal length that a photo states, where it is plausible, before what the network sees",
        default=ALIGNMENT.exif_focal,
    )
    masks: StringProperty(
        name="Masks",
        description="A folder of black-and-white images named as the photos: what is black is left out",
        subtype="DIR_PATH",
    )
    optimize_principal_point: BoolProperty(
        name="Find Optical Center",
        description="Find the optical center too; for cropped photos",
        default=ALIGNMENT.optimize_principal_point,
    )
    ground: EnumProperty(
        name="Ground",
        description="Which way is down in a new reconstruction; with known poses they say it",
        items=(
            ("auto", "Automatic", "The largest level plane below the cameras comes down to the grid"),
            ("off", "First Camera", "The world is the frame of one camera"),
        ),
        default=DEFAULTS.ground,
    )
    cameras: EnumProperty(
        name="Cameras",
        description="Where the cameras of a new reconstruction come from",
        items=(
            ("auto", "Photos and Network", "From matches between the photos where they say more than the network"),
            ("network", "Network Alone", "As the network and the global alignment place them"),
        ),
        default=DEFAULTS.cameras,
    )
    lens_distortion: BoolProperty(
        name="Lens Distortion",
        description="Recognise lenses that bend lines, and show their photos without the bend",
        default=DEFAULTS.lens_distortion,
    )
    surfaces: EnumProperty(
        name="Surfaces",
        description="Where the points of a new reconstruction come from",
        items=(
            ("auto", "Photos and Network", "Depth that the photos themselves confirm, the network's where they do not"),
            ("network", "Network Alone", "As the network sees each photo"),
        ),
        default=DEFAULTS.surfaces,
    )
    surface_resolution: IntProperty(
        name="Surface Resolution",
        description="Pixels along the long side of each photo that become points where the photos confirm surfaces",
        default=AUTO_SURFACE,
        min=AUTO_SURFACE,
        max=LARGEST_SURFACE,
    )
    seed: IntProperty(name="Seed", description="For what is drawn at random", default=ALIGNMENT.seed, min=0)
    replace_result: BoolProperty(
        name="Replace Result",
        description="The new result takes the place of the active one, whose points, cameras and meshes go; what else "
        "its collection holds stays",
        default=False,
    )
    photo_frames: BoolProperty(
        name="A Frame for Each Photo",
        description="Bind each photo's camera to a frame of the timeline, and give the scene the frame range, camera "
        "and resolution of the photos",
        default=False,
    )


SETTINGS = tuple(ReconstructionProperties.__annotations__)  # the names above


class Chosen:
    """An operator's own properties where the caller set them, the scene's otherwise."""

    masks: str
    photo_frames: bool
    replace_result: bool

    def __init__(self, operator: bpy.types.Operator, scene: bpy.types.Scene) -> None:
        for name in SETTINGS:
            owner = operator if operator.properties.is_property_set(name) else settings_of(scene)
            setattr(self, name, getattr(owner, name))


def settings_of(scene: bpy.types.Scene) -> Any:
    """The scene's DUST3R_PG_settings."""
    return getattr(scene, "dust3r")  # noqa: B009  registered at run time, unknown to the checker


def job_state(manager: bpy.types.WindowManager) -> Any:
    """The window manager's DUST3R_PG_job."""
    return getattr(manager, "dust3r_job")  # noqa: B009  registered at run time, unknown to the checker


def find_chosen_model(owner: Any, context: bpy.types.Context) -> Path:
    """The checkpoint that the properties name; raises ModelUnavailable when it is not here or not to be offered."""
    names = {BEST: None, FILE: bpy.path.abspath(owner.model_path)}
    return find_model(names.get(owner.model, owner.model), model_folder(context), commercial_only(context))


def choice_of(folder: Path) -> str:
    """The choice among the models that a model's folder stands for."""
    known = known_model(folder.name)
    return folder.name if known is None else known.short_name


def read_settings(owner: Any) -> ReconstructionSettings:
    """Core's settings from the properties above; raises InputError for values out of range."""
    graph = owner.scene_graph
    if graph in {"swin", "logwin"}:
        graph = f"{graph}-{owner.window}"
    elif graph == "oneref":
        graph = f"{graph}-{owner.reference}"
    alignment = AlignmentSettings(
        iterations=owner.iterations,
        schedule=owner.schedule,
        shared_focal=owner.shared_focal,
        exif_focal=owner.exif_focal,
        optimize_principal_point=owner.optimize_principal_point,
        seed=owner.seed,
    )
    return ReconstructionSettings(
        scene_graph=graph,
        device=owner.device,
        min_confidence=owner.min_confidence or None,
        cameras=owner.cameras,
        lens_distortion=owner.lens_distortion,
        surfaces=owner.surfaces,
        surface_resolution=owner.surface_resolution,
        ground=owner.ground,
        alignment=alignment,
    )


def _hide_quarter(settings: Any, wanted: bool) -> None:
    settings.min_confidence = 0.0 if wanted else SOME_CONFIDENCE


class DUST3R_PG_settings(ReconstructionProperties, ResultState, bpy.types.PropertyGroup):
    """Photos and settings of the next reconstruction; saved with the scene."""

    photos: CollectionProperty(type=DUST3R_PG_photo)
    export: PointerProperty(type=DUST3R_PG_export)
    mesh: PointerProperty(type=DUST3R_PG_mesh)
    large_previews: BoolProperty(
        name="Large Previews", description="Show the photos themselves, a page at a time", default=False
    )
    preview_page: IntProperty(name="Page", description="Of the large previews", default=1, min=1, max=9999)
    hides_quarter: BoolProperty(
        name="Hide Least Certain Quarter",
        description="Hide the quarter of the points that the network is least sure of, unless photos tell which points "
        "are certain; off: those below a confidence",
        get=lambda settings: settings.min_confidence == 0,
        set=_hide_quarter,
    )
    active_photo: IntProperty(name="Active Photo", options={"HIDDEN"})

    @property
    def photos_text(self) -> str:
        """How many photos of the list take part."""
        on = [False] * len(self.photos)
        self.photos.foreach_get("use", on)
        return iface_("{} of {} photos on").format(sum(on), len(on))

    @property
    def shown_page(self) -> int:
        """The page of large previews that is shown, from 0: there may be fewer than when it was chosen."""
        return min(self.preview_page - 1, max(0, self.pages - 1))

    @property
    def pages(self) -> int:
        """How many pages of large previews there are."""
        return -(-len(self.photos) // PREVIEWS)

    @property
    def previewed(self) -> list[Any]:
        """The photos of the page that is shown."""
        first = self.shown_page * PREVIEWS
        return self.photos[first : first + PREVIEWS]

    @property
    def missing(self) -> str:
        """What has to be done before Reconstruct can work; empty where nothing has."""
        if not self.photos:
            return iface_("Add photos first.")
        return "" if any(photo.use for photo in self.photos) else iface_("Switch some photos on first.")

    @property
    def active_photo_text(self) -> str:
        """What the file of the active photo says; empty where none is active."""
        if not 0 <= self.active_photo < len(self.photos):
            return ""
        return self.photos[self.active_photo].facts_text

    @property
    def model_note(self) -> str:
        """What to expect of the chosen model; of the best present where none is named."""
        statuses = list_models(model_folder(bpy.context))
        for status in statuses:
            if status.model.short_name == self.model or (self.model == BEST and status.present):
                return f"{status.model.title}: {tip_(status.model.note)}"
        return ""

    @property
    def offered_model(self) -> str:
        """Name of the published model to download before a reconstruction; empty where none is needed.

        The one that is chosen and missing, or before the scene's first reconstruction the one to begin with.
        """
        if self.model == BEST and self.result is not None:
            return ""
        statuses = list_models(model_folder(bpy.context), commercial_only(bpy.context))
        if self.model == BEST:
            found = first_download(statuses)
            return found.short_name if found is not None else ""
        absent = [status.model for status in statuses if not status.present and status.model.repository]
        return self.model if self.model in {known.short_name for known in absent} else ""

    @property
    def offer_text(self) -> str:
        """What that model is, its size and licence; where it is from, and what is open, is said before it comes."""
        known = known_model(self.offered_model)
        if known is None:
            return ""
        if self.model == BEST:
            return iface_("Only the small bundled model is here. {} sees far more: {}").format(known.title, known.terms)
        return iface_("{} is not on this machine: {}").format(known.title, known.terms)


class DUST3R_PG_job(bpy.types.PropertyGroup):
    """What the panel shows of the running job; never saved."""

    running: BoolProperty(options={"SKIP_SAVE"})
    title: StringProperty(options={"SKIP_SAVE"})
    stage: StringProperty(options={"SKIP_SAVE"})
    share: FloatProperty(min=0, max=1, options={"SKIP_SAVE"})
    photos: StringProperty(options={"SKIP_SAVE"})
    left: StringProperty(options={"SKIP_SAVE"})
    problem: StringProperty(options={"SKIP_SAVE"})  # why the last job failed

    @property
    def interrupted(self) -> Any:
        """core's Begun of this scene's interrupted job; None when there is none."""
        return interrupted_job(bpy.context.scene)


def own_or_panel(operator: bpy.types.Operator, panel: Any, properties: type) -> dict[str, Any]:
    """Values of what `properties` declares: the operator's where its caller gave them, the panel's otherwise."""
    given = operator.properties.is_property_set
    return {name: getattr(operator if given(name) else panel, name) for name in properties.__annotations__}
