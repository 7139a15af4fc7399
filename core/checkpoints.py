"""The models we know: what they are, under which licence, whether they are here, and how they get here. No torch."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from .download import RemoteFile, fetch, look_up
from .errors import InputError, ModelUnavailable
from .origin import Origin, read_origin, sha256_of
from .progress import Report

STAGE = "Downloading the model"
BUNDLED = Path(__file__).resolve().parent.parent / "models"  # what the package itself carries
FILES = ("config.json", "model.safetensors")  # that make a folder a model
HUB = "https://huggingface.co"
UNSTATED = "licence not stated"


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
    _published("224_linear", "DUSt3R 224 linear", 532_342_784, 224, "Fast; sees the photo's central square only"),
    KnownModel(
        "preview",
        "Preview",
        None,
        "CC0 for our part; see its README",
        True,
        11_266_112,
        23,
        128,
        "Preview: coarse, for trying the extension; download a full model for results",
    ),
)


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
    statuses = [ModelStatus(model, _locate(model, model_folder)) for model in KNOWN_MODELS]
    statuses += [ModelStatus(_describe(folder), folder) for folder in _own(model_folder or default_model_folder())]
    return [status for status in statuses if status.model.commercial or not commercial]


def check_model_name(name: str) -> str:
    """The name of a new model, if it can be one; raises InputError, saying why, if not."""
    if not name.strip() or name.startswith(".") or name != Path(name).name or set(name) & set('\\/:*?"<>|'):
        raise InputError(f"{name!r} cannot be a model's name; use letters, digits, spaces, - and _")
    if known_model(name) is not None:
        raise InputError(f"{name!r} is the name of a published model; choose another")
    return name


def known_model(name: str) -> KnownModel | None:
    """The known model of this full or short name or repository, in any case; None if there is none."""
    wanted = name.lower()
    for model in KNOWN_MODELS:
        if wanted in {model.name.lower(), model.short_name.lower(), (model.repository or model.name).lower()}:
            return model
    return None


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
        path = _locate(known, model_folder)
        if path is None:
            raise ModelUnavailable(_how_to_get(known))
        return path
    for path in (Path(name_or_path).expanduser(), (model_folder or default_model_folder()) / name_or_path):
        if path.exists():
            return path
    names = ", ".join(model.short_name for model in KNOWN_MODELS)
    raise ModelUnavailable(f"There is no model {name_or_path!r}: give a file, a folder or one of {names}")


def download_model(
    known: KnownModel, model_folder: Path, report: Report, online: bool, endpoint: str | None = None
) -> Path:
    """Bring a known model into `model_folder` and return its folder; at once if it is present.

    Resumes where an earlier try broke off; a file gets its name only when it is whole and its checksum right. report:
    bytes done and in all; raise Cancelled in it to stop. online: whether requests are allowed. endpoint: another hub
    than the usual one. Raises ModelUnavailable, or InputError where the disk refuses.
    """
    present = _locate(known, model_folder)
    if present is not None:
        return present
    if known.repository is None:
        raise ModelUnavailable(f"{known.title} should come with this package but is not in {BUNDLED}; install it again")
    if not online:
        raise ModelUnavailable(
            f"{known.title} cannot be downloaded while online access is off; allow it in Blender's preferences under "
            f"System, Network, or copy the files by hand: {' '.join(copying_steps(known, model_folder))}"
        )
    folder = model_folder / known.name
    remote = [look_up(known.repository, name, endpoint) for name in known.files]
    _fetch_all(remote, folder, report)
    Origin(known.address, known.licence, known.commercial, _digests(remote, folder)).save(folder)
    return folder


def copying_steps(known: KnownModel, model_folder: Path) -> tuple[str, ...]:
    """What to copy where, a sentence each, for a machine that is not online; none for a model of this package."""
    if known.repository is None:
        return ()
    addresses = " and ".join(f"{known.address}/resolve/main/{name}" for name in known.files)
    return (
        f"On a machine that is online, fetch {addresses}.",
        f"Copy {' and '.join(known.files)} into the folder {model_folder / known.name}.",
    )


def terms_of(model: Path) -> tuple[str, bool | None]:
    """Licence of a checkpoint, and whether it allows commercial use, as its origin.json or its folder's name says."""
    folder = (model if model.is_dir() else model.parent).resolve()
    stated = read_origin(folder) or known_model(folder.name) or known_model(model.stem)
    return (stated.licence, stated.commercial) if stated is not None else (UNSTATED, None)


def licence_of(model: Path) -> str:
    """The same in one phrase: what a result says of the model that made it."""
    return _with_use(*terms_of(model))


def _with_use(licence: str, commercial: bool | None) -> str:
    return f"{licence}{', not for commercial use' if commercial is False else ''}"


def _digests(remote: list[RemoteFile], folder: Path) -> dict[str, str]:
    """sha256 by file name, of files that were checked as they arrived; git's sha1 of small ones is none."""
    return {one.name: one.checksum if len(one.checksum) == 64 else sha256_of(folder / one.name) for one in remote}


def _fetch_all(remote: list[RemoteFile], folder: Path, report: Report) -> None:
    total, before = sum(file.size for file in remote), 0
    for file in remote:
        done_before = before
        fetch(file, folder / file.name, lambda done, start=done_before: report(STAGE, start + done, total))
        before += file.size


def _locate(known: KnownModel, model_folder: Path | None) -> Path | None:
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
        sides = json.loads((folder / "config.json").read_text(encoding="utf-8"))["img_size"]
        return max(int(side) for side in sides)
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _best(model_folder: Path | None, commercial: bool) -> Path:
    for status in list_models(model_folder, commercial):
        if status.path is not None:
            return status.path
    raise ModelUnavailable(f"No model is on this machine; {_how_to_get(KNOWN_MODELS[0])}")


def _how_to_get(known: KnownModel) -> str:
    if known.repository is None:
        return f"{known.title} should come with this package but is not in {BUNDLED}; install it again"
    return (
        f"{known.title} is not on this machine: `python headless.py models --download {known.short_name}` or Download "
        f"in the panel gets it ({known.terms})"
    )
