"""The Robust Multi-view Depth benchmark (Schroeppel et al. 2022): key views of five data sets, with source views."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...core.cameras.posed_images import FAILURES, MILLIMETRE
from ...core.checkpoints.loading import LoadedModel
from ...core.errors import InputError, first_line
from ...core.images.reader import read_header
from ...core.progress import Report
from ...core.settings import ReconstructionSettings
from .depth_maps import Depth, read_npz_depth, read_pfm_depth, read_png_depth, read_raw_depth
from .files import inside
from .multi_view_depth import examine_key_view
from .task import Figures, Task

LISTS = "sample_lists"
LARGEST_LIST = 2**28  # bytes
ETH3D = (4032, 6048)  # (H, W) of the depth maps of photos that were resized


class Inert:
    """Stands for every class and function that a pickle names: notes arguments and state, and does nothing."""

    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *arguments: Any) -> "Inert":
        made = super().__new__(cls)
        made.arguments = arguments
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state


class InertUnpickler(pickle.Unpickler):  # imports and calls nothing that the file names
    """Reads lists, dictionaries, numbers and texts, with `Inert` for all else."""

    def find_class(self, module: str, name: str) -> Any:
        return _latin_1 if (module, name) == ("_codecs", "encode") else Inert

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it names objects outside of itself")


def _latin_1(text: str, _: str) -> bytes:
    """How protocols before 3 write bytes."""
    return text.encode("latin1")


@dataclass(frozen=True, slots=True)
class Sample:
    """A key view with true depth, and the source views that go with it."""

    name: str
    key: Path
    sources: tuple[Path, ...]
    depth: Path


def _eth3d_depth(sample: Sample) -> Depth:
    width, height = read_header(sample.key).size
    return read_raw_depth(sample.depth, ((height, width), ETH3D))


READERS: dict[str, Callable[[Sample], Depth]] = {
    "kitti": lambda sample: read_png_depth(sample.depth, 1 / 256),
    "dtu": lambda sample: read_pfm_depth(sample.depth, MILLIMETRE),
    "scannet": lambda sample: read_png_depth(sample.depth, MILLIMETRE),
    "tanks_and_temples": lambda sample: read_npz_depth(sample.depth),
    "eth3d": _eth3d_depth,
}  # data set -> true depth of a sample's key view, in metres


def robustmvd_tasks(root: Path) -> list[Task]:
    """One task for each sample of each data set that is there; raises InputError when none is."""
    tasks = []
    for name in READERS:
        samples = root / LISTS / f"{name}.robustmvd.mvd.pickle"
        if samples.is_file() and (root / name).is_dir():
            found = read_samples(samples, root / name)
            tasks += [Task(name, sample.name, partial(_examine, name, sample)) for sample in found]
    if not tasks:
        raise InputError(
            f"{root} holds no data set of the benchmark; it should have {LISTS}/kitti.robustmvd.mvd.pickle, ... "
            f"and a folder of the same name for each: {', '.join(READERS)}"
        )
    return tasks


def _examine(
    name: str, sample: Sample, model: LoadedModel, settings: ReconstructionSettings, report: Report
) -> Figures:
    return examine_key_view(sample.key, sample.sources, READERS[name](sample), model, report)


def read_samples(path: Path, root: Path) -> list[Sample]:
    """The samples of a list, their files under root; nothing in the list is run (`InertUnpickler`).

    Raises InputError, naming the list, for whatever is no sample.
    """
    try:
        if path.stat().st_size > LARGEST_LIST:
            raise ValueError(f"it has {path.stat().st_size >> 20} MB")
        with path.open("rb") as file:
            entries = InertUnpickler(file).load()
        return [_sample(entry.state, number, root) for number, entry in enumerate(entries)]
    except (pickle.UnpicklingError, *FAILURES) as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(f"{path} is no list of the benchmark's samples ({reason}); download it again") from error


def _sample(state: dict[str, Any], number: int, root: Path) -> Sample:
    data, base = state["data"], inside(root, str(state.get("base", ".")))
    views = [inside(base, str(image.state["path"])) for image in data["images"]]
    key = _whole_number(data.get("keyview_idx", 0))
    sources = tuple(view for k, view in enumerate(views) if k != key)
    depth = inside(base, str(data["depth"].state["path"]))
    return Sample(f"{number:04d} {state['name']}", views[key], sources, depth)


def _whole_number(value: Any) -> int:
    """An int, or what a pickle notes of a NumPy scalar: scalar(dtype, its bytes)."""
    if isinstance(value, Inert):
        return int.from_bytes(value.arguments[1], "little")
    return int(value)
