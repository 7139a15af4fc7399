"""The moving average of the weights: steadier than the weights themselves, and what is exported."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """Shadow weights: after each update, shadow = decay * shadow + (1 - decay) * weight.

    The decay starts low, (1 + n) / (10 + n) after n updates, so that the random start is soon forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.shadow: dict[str, Tensor] = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Follow the module by one update."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        weights = module.state_dict()
        follow = get_ema_multi_avg_fn(decay)
        follow(list(self.shadow.values()), [weights[name] for name in self.shadow], self.updates)
