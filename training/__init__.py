"""Learning the network's weights: data, losses, trainer and exam."""
