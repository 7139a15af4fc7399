"""Which models are on this machine, and where. No torch."""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelUnavailable
from ..networks.depth_anything_3.config import DepthAnything3Config, is_depth_anything_3
from .catalogue import FILES, KNOWN_MODELS, UNSTATED, KnownModel, known_model, licence_of, terms_of
from .provenance import Origin, read_origin

BUNDLED = Path(__file__).resolve().parents[2] / "models"  # what the package itself carries


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model, and where it is on this machine."""

    model: KnownModel  # one of KNOWN_MODELS, or what can be told of a folder among the models
    path: Path | None  # its folder; None where it is not here

    @property
    def present(self) -> bool:
        return self.path is not None


def default_model_folder() -> Path:
    """Where models are kept outside of Blender: $DUST3R_MODELS, else ~/.cache/dust3r-blender."""
    chosen = os.environ.get("DUST3R_MODELS")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "dust3r-blender"


def list_models(model_folder: Path | None = None, commercial: bool = False) -> list[ModelStatus]:
    """Every known model, best first, and whether it is bundled or in `model_folder` (None: the default one).

    After them every other model folder in there, by name, such as those that were trained here. commercial: only those
    whose licence is known to allow commercial use.
    """
    statuses = [ModelStatus(model, locate(model, model_folder)) for model in KNOWN_MODELS]
    statuses += [ModelStatus(_describe(folder), folder) for folder in _own(model_folder or default_model_folder())]
    return [status for status in statuses if status.model.commercial or not commercial]


def first_download(statuses: Iterable[ModelStatus]) -> KnownModel | None:
    """What to offer before a first reconstruction: the smallest published model that is free for any use.

    None where there is any model but the package's own, which was trained on synthetic scenes.
    """
    listed = list(statuses)
    if any(status.present and not status.model.synthetic for status in listed):
        return None
    free = [status.model for status in listed if status.model.repository and status.model.commercial]
    return min(free, key=lambda model: model.size_mb, default=None)


def find_model(name_or_path: str | None = None, model_folder: Path | None = None, commercial: bool = False) -> Path:
    """The folder or file of a model: a known name, a path, or a folder's name inside `model_folder`.

    None or "": the best known model that is present. commercial: only those whose licence is known to allow commercial
    use. Raises ModelUnavailable, saying how to get it, when it is not on this machine or not allowed.
    """
    if not name_or_path:
        return _best(model_folder, commercial)
    path = _find(name_or_path, model_folder)
    if commercial and not terms_of(path)[1]:
        raise ModelUnavailable(
            f"Nothing says that {path.name} allows commercial use ({licence_of(path)}); choose another model, or allow "
            "others in the preferences"
        )
    return path


def _find(name_or_path: str, model_folder: Path | None) -> Path:
    known = known_model(name_or_path)
    if known is not None:
        path = locate(known, model_folder)
        if path is None:
            raise missing(known)
        return path
    for path in (Path(name_or_path).expanduser(), (model_folder or default_model_folder()) / name_or_path):
        with suppress(OSError):  # a name that is too long, a folder that may not be looked into
            if path.is_dir() or path.is_file():  # not a device or a pipe, which would be read for ever
                return path
    names = ", ".join(model.short_name for model in KNOWN_MODELS)
    raise ModelUnavailable(f"There is no model {name_or_path!r}: give a file, a folder or one of {names}")


def locate(known: KnownModel, model_folder: Path | None) -> Path | None:
    """Its folder in `model_folder` (None: the default one) or in the package; None where it is in neither."""
    for parent in (model_folder or default_model_folder(), BUNDLED):
        folder = parent / known.name
        if all((folder / name).is_file() for name in known.files):
            return folder
    return None


def _own(model_folder: Path) -> list[Path]:
    """The folders in there that hold a model which is none of the known ones."""
    if not model_folder.is_dir():
        return []
    folders = [folder for folder in model_folder.iterdir() if not folder.name.startswith(".")]
    whole = [folder for folder in folders if all((folder / name).is_file() for name in FILES)]
    return sorted(folder for folder in whole if known_model(folder.name) is None)


def _describe(folder: Path) -> KnownModel:
    """What can be told of a model folder without reading its weights."""
    size_mb = round((folder / "model.safetensors").stat().st_size / 1e6)
    origin = read_origin(folder) or Origin("", UNSTATED, None)
    note = f"In the models folder; {f'from {origin.source}' if origin.source else 'trained or put there by you'}"
    licence, commercial = origin.licence, origin.commercial
    return KnownModel(folder.name, folder.name, None, licence, commercial, 0, size_mb, _image_size(folder), note)


def _image_size(folder: Path) -> int:
    """Of the longer side, in pixels; 0 where the description does not say."""
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if is_depth_anything_3(values):
            return DepthAnything3Config().image_size
        return max(int(side) for side in values["img_size"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _best(model_folder: Path | None, commercial: bool) -> Path:
    for status in list_models(model_folder, commercial):
        if status.path is not None:
            return status.path
    raise missing(KNOWN_MODELS[0])


def missing(known: KnownModel) -> ModelUnavailable:
    """What to raise where a known model is not there."""
    if known.repository is None:
        return ModelUnavailable(
            f"{known.title} should come with this package but is not in {BUNDLED}; install it again"
        )
    sentence = f"{known.title} is not on this machine; download it first ({known.terms})"
    return ModelUnavailable(sentence, f"models --download {known.short_name}")
