"""The alignment of photos whose facts come in lists, as tests have them."""

from dust3r.core.alignment import aligner, known, observations
from dust3r.core.cameras.priors import UNKNOWN

FIELDS = ("mask", "principal_point", "lens", "warm_start", "name")


def alignment_photos(mappings, cameras=None, **facts):
    """Records of photos; facts: by field, one value a photo."""
    rows = [dict(zip(facts, row, strict=True)) for row in zip(*facts.values(), strict=True)] or [{}] * len(mappings)
    cameras = [camera or UNKNOWN for camera in cameras or [None] * len(mappings)]
    return [aligner.AlignmentPhoto(m, known=k, **row) for m, k, row in zip(mappings, cameras, rows, strict=True)]


def gather(cameras, warm_start, groups):
    """`known.gather`; cameras, warm_start: one a photo, or None."""
    count = len(groups)
    return known.gather(alignment_photos([None] * count, cameras, warm_start=warm_start or [None] * count), groups)


def sample(mappings, predictions, masks, step):
    """`observations.sample`."""
    return observations.sample(alignment_photos(mappings, mask=masks), predictions, step)


def align(mappings, predictions, settings=None, *, known=None, network_spread=None, report=None, observe=None, **lists):
    """`aligner.align`; lists: masks, principal_points, lenses, warm_starts, names."""
    fields = {"masks": "mask", "principal_points": "principal_point", "names": "name"}
    facts = {fields.get(name, name): values for name, values in lists.items() if values is not None}
    options = {"network_spread": network_spread, "report": report, "observe": observe}
    options = {name: value for name, value in options.items() if value is not None}
    return aligner.align(alignment_photos(mappings, known, **facts), predictions, settings, **options)
