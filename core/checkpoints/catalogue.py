"""The models that can be asked for by name, and the terms under which a model may be used. No torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..io.atomic import read_text
from .provenance import read_origin

FILES = ("config.json", "model.safetensors")  # that make a folder a model
HUB = "https://huggingface.co"
UNSTATED = "licence not stated"
DEPTH_ANYTHING_3 = "https://github.com/ByteDance-Seed/Depth-Anything-3"  # its authors' repository


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that can be asked for by name."""

    name: str  # also its folder's name
    title: str  # for people
    repository: str | None  # on the Hugging Face hub; None: comes with this package
    licence: str
    commercial: bool | None  # whether the licence allows commercial use; None: not known here
    parameters: int  # 0: not known here
    size_mb: int  # of the download, in 10^6 bytes
    image_size: int  # pixels of a photo's long side (224: of both)
    note: str  # what to expect, one line
    files: tuple[str, ...] = FILES
    synthetic: bool = False  # trained on synthetic scenes alone
    sha256: str = ""  # of model.safetensors, hexadecimal; "": not known here
    question: str = ""  # address of an open question about the licence; "": none known

    @property
    def short_name(self) -> str:
        return self.name.rpartition("BaseDecoder_")[2]

    @property
    def terms(self) -> str:
        """Size and licence in one phrase: what is shown before a download."""
        return f"{self.size_mb} MB, {_with_use(self.licence, self.commercial)}"

    @property
    def address(self) -> str:
        """Where it is from, for people; "" where that is this machine."""
        return f"{HUB}/{self.repository}" if self.repository else ""


def _published(short_name: str, title: str, parameters: int, image_size: int, note: str) -> KnownModel:
    name = f"DUSt3R_ViTLarge_BaseDecoder_{short_name}"
    size_mb = round(parameters * 4 / 1e6)  # float32
    return KnownModel(name, title, f"naver/{name}", "CC BY-NC-SA 4.0", False, parameters, size_mb, image_size, note)


# Best first: the first that is present is the default.
KNOWN_MODELS = (
    _published("512_dpt", "DUSt3R 512 DPT", 571_171_208, 512, "The most accurate; the published default"),
    _published(
        "512_linear", "DUSt3R 512 linear", 532_342_784, 512, "The same body with a simple head: a fifth less work"
    ),
    KnownModel(
        "da3_base",
        "Depth Anything 3 BASE",
        "depth-anything/DA3-BASE",
        "Apache 2.0",
        True,
        135_366_599,
        542,
        504,
        "Sees all photos at once; runs on a CPU",
        question=f"{DEPTH_ANYTHING_3}/issues/203",
        sha256="e01067dc1659613083d9145a9a2547ccdbe6ccbbf83c4fe7b3e8a4e2bdae78b5",
    ),
    KnownModel(
        "da3_small",
        "Depth Anything 3 SMALL",
        "depth-anything/DA3-SMALL",
        "Apache 2.0",
        True,
        34_299_463,
        137,
        504,
        "Sees all photos at once; small and quick, on a CPU too",
        question=f"{DEPTH_ANYTHING_3}/issues/203",
        sha256="364492e38a3a06d221ac75da7f6621ada3f2361cd24fde11ba79091e9f40efcf",
    ),
    _published("224_linear", "DUSt3R 224 linear", 532_342_784, 224, "Fast; sees the photo's central square only"),
    KnownModel(
        "small",
        "Small",
        None,
        "CC0 1.0",
        True,
        11_266_112,
        23,
        192,
        "Free for any use; rough: trained on synthetic scenes, for trying; a full model sees far more",
        synthetic=True,
    ),
)


def known_model(name: str) -> KnownModel | None:
    """The known model of this full or short name or repository, in any case; None if there is none."""
    wanted = name.lower()
    for model in KNOWN_MODELS:
        if wanted in {model.name.lower(), model.short_name.lower(), (model.repository or model.name).lower()}:
            return model
    return None


def check_model_name(name: str) -> str:
    """The name of a new model, if it can be one; raises InputError, saying why, if not."""
    if not name.strip() or name.startswith(".") or name != Path(name).name or set(name) & set('\\/:*?"<>|'):
        raise InputError(f"{name!r} cannot be a model's name; use letters, digits, spaces, - and _")
    if known_model(name) is not None:
        raise InputError(f"{name!r} is the name of a published model; choose another")
    return name


def terms_of(model: Path) -> tuple[str, bool | None]:
    """Licence of a checkpoint, and whether it allows commercial use, as its origin.json or its folder's name says."""
    folder = (model if model.is_dir() else model.parent).resolve()
    stated = read_origin(folder) or known_model(folder.name) or known_model(model.stem)
    return (stated.licence, stated.commercial) if stated is not None else (UNSTATED, None)


def is_synthetic(model: Path) -> bool:
    """Whether a checkpoint was trained on synthetic scenes alone.

    Its origin.json says so, else the entry of the known model of its name, else the training.json of its training;
    False where none of them does.
    """
    folder = (model if model.is_dir() else model.parent).resolve()
    origin, known = read_origin(folder), known_model(folder.name) or known_model(model.stem)
    if origin is not None and origin.synthetic is not None:
        return origin.synthetic
    return known.synthetic if known is not None else _trained_on_synthetic(folder)


def _trained_on_synthetic(folder: Path) -> bool:
    """By the recipe that `train` leaves beside the weights."""
    try:
        recipe = json.loads(read_text(folder / "training.json"))
        return recipe["synthetic"] is True if "synthetic" in recipe else _made_scenes_alone(recipe["config"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def _made_scenes_alone(config: dict[str, Any]) -> bool:
    """Of a recipe from before it stated this itself."""
    sources = [*config["sources"], *(source for stage in config["stages"] for source in stage["sources"])]
    return all(source["kind"] == "procedural" for source in sources)


def licence_of(model: Path) -> str:
    """The same in one phrase: what a result says of the model that made it."""
    return _with_use(*terms_of(model))


def _with_use(licence: str, commercial: bool | None) -> str:
    return f"{licence}{', not for commercial use' if commercial is False else ''}"
