"""Every choice of a training run: what a config.toml may say. Imports no torch."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

from ..core.errors import InputError

Objective = Literal["completion", "regression"]
HeadName = Literal["linear", "dpt"]
SourceKind = Literal["procedural", "folder"]
Precision = Literal["auto", "float32", "bfloat16"]
InvarianceName = Literal["none", "shift", "scale", "both"]
# They change how a run is carried out and not what it learns, so a resumed run may differ in them.
OPERATIONAL = ("workers", "compile", "save_minutes", "part_size", "log_every")


def _require(right: bool, name: str, wanted: str, found: object) -> None:
    if not right:
        raise InputError(f"{name} must be {wanted}, got {found!r}")


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """Widths and depths of the network; the head is a stage's choice."""

    encoder_width: int = 384  # channels of an encoder token
    encoder_depth: int = 10  # blocks
    encoder_heads: int = 6  # attention heads
    decoder_width: int = 256  # channels of a decoder token
    decoder_depth: int = 6  # blocks of each of the two decoders
    decoder_heads: int = 4  # attention heads
    patch_size: int = 16  # pixels along a patch's side; a dpt head needs 8 or 16
    dpt_layers: tuple[int, int, int, int] = (32, 64, 128, 256)  # channels of a DPT head's four maps, fine to coarse
    dpt_features: int = 64  # channels while they are fused
    dpt_last: int = 32  # channels before the output

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            sizes = value if isinstance(value, tuple) else (value,)
            _require(all(1 <= size <= 16384 for size in sizes), name, "from 1 to 16384", value)
        for side in ("encoder", "decoder"):
            width, heads = getattr(self, f"{side}_width"), getattr(self, f"{side}_heads")
            _require(width % (4 * heads) == 0, f"{side}_width", f"a multiple of 4 times {side}_heads ({heads})", width)
        _require(self.dpt_features % 2 == 0, "dpt_features", "even", self.dpt_features)


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One source of scenes and how often it is drawn from."""

    kind: SourceKind = "procedural"  # or "folder"
    weight: float = 1.0  # against the other sources' weights
    path: str = ""  # "folder": a folder of posed RGB-D scenes
    textures: str = ""  # "procedural": a folder of images for surfaces; empty: painted textures only

    def __post_init__(self) -> None:
        _require(self.weight > 0, "weight", "above 0", self.weight)
        _require((self.kind == "folder") == bool(self.path), "path", "given for kind 'folder' and no other", self.path)


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of the curriculum; the next begins with its weights, and keeps of them what fits."""

    name: str = "main"  # of its model's folder
    objective: Objective = "regression"  # or "completion"
    head: HeadName = "linear"  # or "dpt"
    steps: int = 0  # length in updates
    minutes: float = 0.0  # or length in minutes of training; one of the two
    sizes: tuple[tuple[int, int], ...] = ((224, 224),)  # (width, height), pixels, one drawn per batch
    difficulty: tuple[float, float] = (0.0, 1.0)  # of procedural scenes, at the stage's start and end
    turning: float = 0.0  # of procedural scenes: least share of views that only turn; they teach to match
    scenes: int = 8  # of a batch
    views: int = 4  # of a scene; each is encoded once
    pairs: int = 6  # of a scene; each is decoded
    both_orders: bool = True  # every pair also the other way round
    accumulation: int = 1  # batches of an update, on each process
    repeats: int = 1  # times that a batch is learned from in a row, in other colours; for workers slower than a GPU
    learning_rate: float = 3e-4  # at the top
    final_learning_rate: float = 1e-6  # at the end
    warm_up: float = 0.03  # share of the stage in which the learning rate rises
    jitter: float = 0.3  # most change of brightness, contrast, saturation and white balance; 0: none
    mask_ratio: float = 0.9  # "completion": share of view 1's patches that are hidden
    alpha: float = 0.2  # "regression": weight of log C
    matching: float = 0.0  # "regression": weight of the loss that shows the decoders where to look in the other photo
    invariance: InvarianceName = "none"  # "regression": what the loss forgives; "shift", "scale", "both"
    sources: tuple[SourceSettings, ...] = ()  # empty: the run's

    def __post_init__(self) -> None:
        _require(self.name.replace("-", "").replace("_", "").isalnum(), "name", "letters, digits, - and _", self.name)
        _require((self.steps > 0) != (self.minutes > 0), "steps", "or minutes above 0, and not both", self.steps)
        _require(len(self.sizes) > 0, "sizes", "at least one (width, height)", self.sizes)
        _require(all(0 <= value <= 1 for value in self.difficulty), "difficulty", "from 0 to 1", self.difficulty)
        _require(0 <= self.turning <= 1, "turning", "from 0 to 1", self.turning)
        for name in ("scenes", "pairs", "accumulation", "repeats"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        _require(self.views >= 2, "views", "at least 2", self.views)
        _require(self.learning_rate > 0, "learning_rate", "above 0", self.learning_rate)
        _require(0 <= self.final_learning_rate <= self.learning_rate, "final_learning_rate", "from 0 to learning_rate",
                 self.final_learning_rate)  # fmt: skip
        _require(0 <= self.warm_up < 1, "warm_up", "from 0 to below 1", self.warm_up)
        _require(0 <= self.jitter < 1, "jitter", "from 0 to below 1", self.jitter)
        _require(0 < self.mask_ratio < 1, "mask_ratio", "between 0 and 1", self.mask_ratio)
        _require(self.alpha > 0, "alpha", "above 0", self.alpha)
        _require(self.matching >= 0, "matching", "0 or more", self.matching)

    @property
    def length(self) -> float:
        """How long the stage is, in its own unit: updates or minutes."""
        return self.steps or self.minutes


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A whole run."""

    stages: tuple[Stage, ...]
    network: NetworkShape = NetworkShape()
    sources: tuple[SourceSettings, ...] = (SourceSettings(),)  # of stages that name none
    seed: int = 0  # of data, weights and augmentation
    weight_decay: float = 0.05  # not on norms and biases
    betas: tuple[float, float] = (0.9, 0.95)  # AdamW's
    clip: float = 1.0  # most length of the gradient
    ema: float = 0.999  # share of the averaged weights that an update keeps, once enough updates were seen
    precision: Precision = "auto"  # of encoder and decoders: bfloat16 where native; losses and heads stay in float32
    compile: bool = False  # by torch.compile, block by block; needs a compiler and torch 2.6
    workers: int = -1  # processes that make data on CPU cores; -1: as many as the machine has to spare
    evaluate_every: int = 500  # updates between held-out losses
    held_out: int = 4  # batches of a held-out loss
    save_minutes: float = 3.0  # minutes between saves
    part_size: float = 0.0  # most MiB of one file of a save or of artifacts; 0: one file
    log_every: int = 10  # updates between looks at the loss, at most; slow updates are looked at every two seconds

    def __post_init__(self) -> None:
        _require(len(self.stages) > 0, "stages", "at least one", self.stages)
        _require(len({stage.name for stage in self.stages}) == len(self.stages), "stages", "all of different names",
                 [stage.name for stage in self.stages])  # fmt: skip
        _require(len(self.sources) > 0, "sources", "at least one", self.sources)
        _require(all(0 <= beta < 1 for beta in self.betas), "betas", "from 0 to below 1", self.betas)
        _require(0 <= self.ema < 1, "ema", "from 0 to below 1", self.ema)
        for name in ("clip", "save_minutes"):
            _require(getattr(self, name) > 0, name, "above 0", getattr(self, name))
        for name in ("seed", "weight_decay", "part_size"):
            _require(getattr(self, name) >= 0, name, "0 or more", getattr(self, name))
        for name in ("evaluate_every", "held_out", "log_every"):
            _require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        _require(self.seed <= 900_000, "seed", "at most 900000: above lie held-out scenes", self.seed)
        _require(self.workers >= -1, "workers", "-1 or more", self.workers)
        for stage in self.stages:
            self._check_fit(stage)

    def _check_fit(self, stage: Stage) -> None:
        patch = self.network.patch_size
        for width, height in stage.sizes:
            fits = min(width, height) >= patch and width % patch == 0 and height % patch == 0
            _require(fits, f"sizes of stage {stage.name}", f"multiples of patch_size ({patch})", (width, height))
        if stage.head == "dpt":
            _require(patch in (8, 16), "patch_size", f"8 or 16 for the dpt head of stage {stage.name}", patch)
            _require(self.network.decoder_depth >= 4, "decoder_depth", f"at least 4 for the dpt head of stage "
                     f"{stage.name}", self.network.decoder_depth)  # fmt: skip

    def sources_of(self, stage: Stage) -> tuple[SourceSettings, ...]:
        return stage.sources or self.sources

    @property
    def is_synthetic(self) -> bool:
        """Whether nothing but made scenes is learned from."""
        return all(source.kind == "procedural" for stage in self.stages for source in self.sources_of(stage))

    def lasting(self, minutes: float) -> Self:
        """The same run in this many minutes, shared out as the stages' lengths are; InputError if that cannot be."""
        if not minutes > 0:
            raise InputError(f"--minutes must be above 0, got {minutes}")
        if len({stage.steps > 0 for stage in self.stages}) > 1:
            raise InputError("--minutes needs stages that are all in steps or all in minutes; these are mixed")
        total = sum(stage.length for stage in self.stages)
        stages = tuple(replace(stage, steps=0, minutes=minutes * stage.length / total) for stage in self.stages)
        return replace(self, stages=stages)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
