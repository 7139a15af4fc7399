"""The stages of a reconstruction and what each is expected to take, for the progress bar alone."""

from ..adjustment.adjust import STAGES as ADJUSTMENT_STAGES
from ..alignment.aligner import STAGE as ALIGNING
from ..checkpoints.loading import LoadedModel
from ..cleanup.find import STAGE as CLEANING
from ..images.preprocessing import STAGE as READING
from ..inference.forward import ENCODING, PREDICTING
from ..inference.forward import STAGES as NETWORK_STAGES
from ..scene_graph.edges import make_edges
from ..settings import AUTO_SURFACE, ReconstructionSettings
from ..stereo.surfaces import STAGE as SURFACES
from .photo_cameras import SETTLING

FEATURES, MATCHING, ADJUSTING = ADJUSTMENT_STAGES
# Parts of the whole time before the model and the number of photos are known.
STAGES = {READING: 3.0, **NETWORK_STAGES, ALIGNING: 22.0, **ADJUSTMENT_STAGES, SETTLING: 10.0}
STAGES |= {SURFACES: 30.0, CLEANING: 2.0}
GPU_FASTER = 30.0  # times, a network


def expected_seconds(photos: int, model: LoadedModel, settings: ReconstructionSettings) -> dict[str, float]:
    """Of each stage, about, on two CPU cores, by runs of 8 and 14 photos; stages that the settings leave out take none.

    What a network computes is taken to grow with its parameters times the patches of a photo.
    """
    pairs = len(make_edges(photos, settings.scene_graph, settings.symmetrize))
    patches = 0.75 * (model.config.image_size / model.config.patch_size) ** 2
    work = model.parameters * patches * 1e-9
    work /= 1.0 if model.device.type == "cpu" else GPU_FASTER
    pixels = ((settings.surface_resolution or AUTO_SURFACE) / AUTO_SURFACE) ** 2
    cameras = float(settings.cameras == "auto")
    surfaces = float(settings.surfaces == "auto")
    return {
        READING: 0.05 * photos,
        ENCODING: (0.05 + 0.003 * work) * photos,
        PREDICTING: (0.06 + 0.0046 * work) * pairs,
        ALIGNING: 1.0 + 0.005 * pairs,
        FEATURES: cameras * 0.45 * photos,
        MATCHING: cameras * 0.035 * pairs,
        ADJUSTING: cameras * 0.4 * photos,
        SETTLING: cameras * (1.0 + 0.005 * pairs),
        SURFACES: surfaces * 1.9 * photos * pixels,
        CLEANING: 0.6 * photos * (pixels if surfaces else 0.2),
    }
