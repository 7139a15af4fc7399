"""From a checkpoint on disk to a network on its device, with its name, digest and licence."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import ModelUnavailable
from ..io.atomic import file_digest
from ..networks.checkpoint_file import read_checkpoint
from ..networks.configs import NetworkConfig
from ..networks.network import Network
from ..networks.precision import device_of, for_inference, precision_of
from ..networks.weights import build_network
from .catalogue import is_synthetic, licence_of


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network with its weights, frozen for inference, and where it came from."""

    network: Network
    config: NetworkConfig
    name: str  # of its folder or file
    sha256: str  # of the file with the weights, hexadecimal
    licence: str = ""  # in words; "": nobody said
    synthetic: bool = False  # trained on synthetic scenes alone

    @property
    def label(self) -> str:
        """What results say of the model that made them."""
        return f"{self.name}@{self.sha256[:16]}"

    @property
    def parameters(self) -> int:
        """How many numbers its weights are."""
        return sum(weight.numel() for weight in self.network.parameters())

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return device_of(self.network)

    @property
    def precision(self) -> torch.dtype:
        """What it computes its products in."""
        return precision_of(self.network)


def load_model(
    path: Path, device: torch.device, precision: torch.dtype = torch.float32, sha256: str = ""
) -> LoadedModel:
    """The model at `path` on `device`, in evaluation mode and without gradients.

    path: see `checkpoint_file.read_checkpoint`. precision: of its products, see `for_inference`. sha256:
    of the weights, where it is known already. Raises ModelUnavailable, naming the file, for whatever does not fit.
    """
    file = read_checkpoint(path)
    try:
        network = build_network(file.config, file.state)
    except ValueError as error:
        raise ModelUnavailable(f"{file.weights}: {error}; download it again or choose another model") from error
    for_inference(network, device, precision)
    sha256 = sha256 or file_digest(file.weights)
    return LoadedModel(network, network.config, file.name, sha256, licence_of(path), is_synthetic(path))
