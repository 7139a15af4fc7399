"""The ways from two photos to a relative pose. Imports nothing: the command line names them too."""

from typing import Literal

Method = Literal["essential", "procrustes", "pnp"]
