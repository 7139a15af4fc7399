"""What a stage minimises: a module from a batch to a loss, around the network that learns."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..core.networks.dust3r.config import DPTWidths, ModelConfig
from ..core.networks.dust3r.dust3r import DUSt3R, Encoded
from .batch import SceneBatch
from .completion import Completion, completion_loss, kept_patches
from .config import NetworkShape, Stage
from .losses import confidence_loss, regression_loss
from .matching import matching_loss
from .pairs import pair_index, photos, truth_of


class Learner(nn.Module):
    """The network with its stage's loss. Called with held_out, it says how good the network is, without colour changes.

    half: the precision of encoder and decoders where it is not float32; heads and losses are in float32 always.
    """

    def __init__(self, shape: NetworkShape, stage: Stage, half: torch.dtype | None = None) -> None:
        super().__init__()
        self.stage, self.half_precision = stage, half
        network = DUSt3R(model_config(shape, stage))
        self.completion = Completion(network) if stage.objective == "completion" else None
        self.regression = network if stage.objective == "regression" else None
        _initialise(self)
        for name, parameter in network.named_parameters():
            if ".fuse.3.skip." in name:  # a DPT head's coarsest level has nothing to add to
                parameter.requires_grad_(False)

    @property
    def network(self) -> DUSt3R:
        network = self.completion.network if self.completion else self.regression
        assert network is not None
        return network

    def forward(self, batch: SceneBatch, chance: torch.Generator, held_out: bool = False) -> Tensor:
        """The loss of a batch, a scalar in float32. chance: for colours and masks."""
        images = photos(batch, 0.0 if held_out else self.stage.jitter, chance)
        with _attention(images.device):
            if self.completion:
                return self._complete(self.completion, images, batch, chance)
            return self._regress(images, batch, held_out)

    def _complete(self, completion: Completion, images: Tensor, batch: SceneBatch, chance: torch.Generator) -> Tensor:
        index, patch = pair_index(batch, self.stage.both_orders), completion.network.config.patch_size
        first, second = images[index.first], images[index.second]
        count = images.shape[-2] // patch * (images.shape[-1] // patch)
        kept = kept_patches(len(first), count, self.stage.mask_ratio, chance)
        kept = kept.to(images.device, non_blocking=True)
        with self._autocast(images):
            completed = completion(first, second, kept)
        return completion_loss(completed, first, kept, patch)

    def _regress(self, images: Tensor, batch: SceneBatch, held_out: bool) -> Tensor:
        index, guided = pair_index(batch, self.stage.both_orders), self.stage.matching > 0 and not held_out
        with self._autocast(images):
            encoded = self.network.encode(images)  # each view once, however many pairs it is in
            # Not tokens[side]: on a GPU its backward pass sorts the indices before it adds.
            sides = (encoded.tokens.index_select(0, side) for side in (index.first, index.second))
            of_pairs = (Encoded(tokens, encoded.shape) for tokens in sides)
            found, looks = (
                self.network.decode_with_scores(*of_pairs) if guided else (self.network.decode(*of_pairs), None)
            )
        truth = truth_of(batch, index)
        points = torch.cat([found.points_i.flatten(1, 2), found.points_j.flatten(1, 2)], dim=1)
        if held_out:
            return regression_loss(points, truth, self.stage.invariance)
        confidence = torch.cat([found.confidence_i.flatten(1), found.confidence_j.flatten(1)], dim=1)
        loss = confidence_loss(points, confidence, truth, self.stage.alpha, self.stage.invariance)
        if looks is None:
            return loss
        return loss + self.stage.matching * matching_loss(looks, batch, index, self.network.config.patch_size)

    def _autocast(self, images: Tensor) -> AbstractContextManager[object]:
        return nullcontext() if self.half_precision is None else torch.autocast(images.device.type, self.half_precision)


def _attention(device: torch.device) -> AbstractContextManager[object]:
    """On a CPU by plain products: a whole update of a few dozen tokens a view takes 0.76 of the fused kernel's time."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def model_config(shape: NetworkShape, stage: Stage) -> ModelConfig:
    """The description of the network that a stage trains."""
    return ModelConfig(
        encoder_width=shape.encoder_width,
        encoder_depth=shape.encoder_depth,
        encoder_heads=shape.encoder_heads,
        decoder_width=shape.decoder_width,
        decoder_depth=shape.decoder_depth,
        decoder_heads=shape.decoder_heads,
        patch_size=shape.patch_size,
        image_size=max(max(size) for size in stage.sizes),
        head=stage.head,
        dpt=DPTWidths(shape.dpt_layers, shape.dpt_features, shape.dpt_last),
    )


def network_shape(config: ModelConfig) -> NetworkShape:
    """The shape of an existing network, to train it further."""
    return NetworkShape(
        config.encoder_width,
        config.encoder_depth,
        config.encoder_heads,
        config.decoder_width,
        config.decoder_depth,
        config.decoder_heads,
        config.patch_size,
        config.dpt.layers,
        config.dpt.features,
        config.dpt.last,
    )


def network_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's part of a learner's weights; after completion its one decoder serves as both."""
    before = {name: value for name, value in weights.items() if name.startswith("completion.network.")}
    if not before:
        start = "regression."
        return {name.removeprefix(start): value for name, value in weights.items() if name.startswith(start)}
    found = {name.removeprefix("completion.network."): value for name, value in before.items()}
    first = {name: value for name, value in found.items() if name.startswith("decoder_1.")}
    return found | {name.replace("decoder_1.", "decoder_2.", 1): value.clone() for name, value in first.items()}


def keep_what_fits(learner: Learner, weights: Mapping[str, Tensor]) -> tuple[int, int]:
    """Give the learner those network weights that have its names and shapes: (how many, of how many it needs)."""
    needed = learner.network.state_dict()
    fitting = {name: value for name, value in weights.items() if name in needed and needed[name].shape == value.shape}
    learner.network.load_state_dict(fitting, strict=False)
    return len(fitting), len(needed)


def _initialise(learner: nn.Module) -> None:
    """Xavier for every linear map, patches included; biases 0."""
    for module in learner.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.Conv2d) and module.kernel_size == module.stride and module.kernel_size != (1, 1):
            nn.init.xavier_uniform_(module.weight.view(len(module.weight), -1))  # the patch embedding
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
