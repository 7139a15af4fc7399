"""A model trained further on posed views of one place, mixed with made scenes so that it forgets nothing."""

import importlib.util
import shutil
from pathlib import Path

import torch

from ..core.checkpoints.catalogue import FILES, terms_of
from ..core.checkpoints.loading import LoadedModel, load_model
from ..core.checkpoints.provenance import Origin, sha256_of
from ..core.errors import InputError
from ..core.io.atomic import check_writable
from ..core.networks.dust3r.config import ModelConfig
from .config import SourceSettings, Stage, TrainingConfig
from .learners import network_shape
from .rgbd import FolderSource
from .trainer import Options, train

LARGE = 100_000_000  # parameters from which memory, not time, says how much a batch holds
VIEWS_SHARE = 3.0  # how often the views are drawn from, against the generator's scenes
STAGE_NAME = "fine-tune"
ORIGIN = "\nFine-tuned from {name}@{sha256}, whose licence binds it too, on {views}.\n"


def fine_tune(views: Path, model: Path, target: Path, run: Path, minutes: float, seed: int, options: Options) -> Path:
    """Train `model` further on the folder `views` (rgbd.py) for some minutes; the new model folder is `target`.

    run: a new folder for curves and saves. options: device, say and report are used. Raises InputError for views that
    cannot be used or where something would be overwritten, before the work, and whatever `train` raises.
    """
    if target.exists():
        raise InputError(f"There is a model {target} already; choose another name, nothing is overwritten")
    check_writable(target)
    FolderSource(views, seed)  # what is wrong with the views is worth knowing before the model is loaded
    loaded = load_model(model, torch.device("cpu"))
    if not isinstance(loaded.config, ModelConfig):
        raise InputError(f"{loaded.name} is no network of photo pairs, which fine-tuning needs; choose a DUSt3R model")
    config = fine_tune_config(loaded.config, _parameters(loaded), views, minutes, seed)
    settings = Options(device=options.device, start=model, say=options.say, report=options.report)
    trained = train(config, run, settings)
    if trained.model is None:
        raise InputError(f"{minutes:g} minutes were too short for a single look at the model; give it more")
    note = ORIGIN.format(name=loaded.name, sha256=loaded.sha256[:16], views=f"views in the folder {views.name!r}")
    digests = {name: sha256_of(trained.model / name) for name in FILES}
    origin = Origin(f"{loaded.label}, trained further", *terms_of(model), digests, loaded.synthetic)
    return _install(trained.model, target, note, origin)


def fine_tune_config(model: ModelConfig, parameters: int, views: Path, minutes: float, seed: int) -> TrainingConfig:
    """The recipe: the model's own shape, head and sizes, a gentle learning rate, three batches of views to one made.

    Without Numba there are no made scenes, and the views are all it learns from.
    """
    large = parameters > LARGE
    stage = Stage(
        name=STAGE_NAME,
        head=model.head,
        minutes=minutes,
        sizes=_sizes(model),
        scenes=1 if large else 4,
        views=3 if large else 4,
        pairs=2 if large else 4,
        accumulation=4 if large else 1,
        learning_rate=2e-5 if large else 1e-4,
        warm_up=0.1,
    )
    sources = (SourceSettings("folder", VIEWS_SHARE, str(views.resolve())),)
    if importlib.util.find_spec("numba") is not None:  # the generator needs it; the extension's zip does without
        sources += (SourceSettings("procedural"),)
    return TrainingConfig((stage,), network_shape(model), sources, seed, ema=0.99, evaluate_every=200)


def _sizes(model: ModelConfig) -> tuple[tuple[int, int], ...]:
    """Landscape and portrait 4:3 where the network knows shapes, else its square."""
    long = model.image_size
    if model.square_crop:
        return ((long, long),)
    short = long * 3 // 4 // model.patch_size * model.patch_size
    return ((long, short), (short, long))


def _parameters(loaded: LoadedModel) -> int:
    return sum(parameter.numel() for parameter in loaded.network.parameters())


def _install(made: Path, target: Path, note: str, origin: Origin) -> Path:
    """Copy a model folder to its final name, whole or not at all."""
    partial = target.with_name(f".{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(made, partial)
        readme = partial / "README.md"
        text = readme.read_text(encoding="utf-8").replace(f"# {STAGE_NAME}", f"# {target.name}", 1)
        readme.write_text(text + note, encoding="utf-8")
        origin.save(partial)
        partial.rename(target)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}; the model lies in {made}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target
