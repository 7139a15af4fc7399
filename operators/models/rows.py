"""What the preferences show of each model."""

from dataclasses import dataclass
from pathlib import Path

from ...core.checkpoints.download import copying_steps
from ...core.checkpoints.local import ModelStatus, list_models


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model of the list."""

    name: str
    title: str
    terms: str  # size and licence
    source: str  # an address, or what else is known of where it is from
    is_present: bool
    is_downloadable: bool
    is_removable: bool  # the package's own are not
    steps: tuple[str, ...]  # what to copy where without a network; none for one that is present


def model_rows(folder: Path, commercial_only: bool) -> list[ModelRow]:
    """Every known model and every other one in the folder; commercial_only: those that allow commercial use."""
    return [_row(status, folder) for status in list_models(folder, commercial_only)]


def _row(status: ModelStatus, folder: Path) -> ModelRow:
    model = status.model
    return ModelRow(
        name=model.short_name,
        title=model.title,
        terms=model.terms,
        source=model.address or model.note,
        is_present=status.present,
        is_downloadable=not status.present and model.repository is not None,
        is_removable=status.path is not None and status.path.parent == folder,
        steps=() if status.present else copying_steps(model, folder),
    )
