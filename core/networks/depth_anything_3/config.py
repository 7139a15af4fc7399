"""What a Depth Anything 3 checkpoint says of its own network. Imports no torch."""

from dataclasses import dataclass
from typing import Any, Self

from ...errors import ModelUnavailable

SIZES = {"vits": (384, 6), "vitb": (768, 12)}  # name of the backbone -> width, heads
# Published sizes whose networks differ from these in more than their numbers, and whose licence forbids commercial use.
OTHERS = {"vitl": "LARGE", "vitg": "GIANT"}
CLASSES = {"": "DepthAnything3Net", "net": "DinoV2", "head": "DualDPT", "cam_enc": "CameraEnc", "cam_dec": "CameraDec"}
LARGEST = 16384  # of a width: a description beyond is damage, not a network
LONGEST_TEXT = 20_000  # characters; the published descriptions have about 1200


@dataclass(frozen=True, slots=True)
class DepthAnything3Config:
    """The shape of a network; the defaults are SMALL's."""

    width: int = 384  # channels C of a token
    heads: int = 6  # attention heads of a block
    level_widths: tuple[int, int, int, int] = (48, 96, 192, 384)  # channels of the head's four maps, fine to coarse
    features: int = 64  # channels of every map while they are fused
    depth: int = 12  # blocks
    start: int = 4  # first block with normed, turned queries and keys; from here on every second one looks across views
    taps: tuple[int, int, int, int] = (5, 7, 9, 11)  # blocks whose tokens the head reads
    mlp_ratio: int = 4  # hidden channels of a block's MLP per token channel
    patch_size: int = 14  # pixels along a patch's side
    position_grid: int = 37  # patches along each side of the learned position code
    rope_base: float = 100.0  # wavelengths of the turning position code: 2 pi to 2 pi times this, in patches
    output_width: int = 32  # channels of the map before the head's last layer
    camera_encoder_depth: int = 4  # blocks
    camera_encoder_heads: int = 16
    image_size: int = 504  # pixels of a photo's long side

    @property
    def square_crop(self) -> bool:
        """Photos keep their shape."""
        return False

    @property
    def encoder_width(self) -> int:
        """Channels of the tokens that photos are compared by."""
        return self.width

    @classmethod
    def from_values(cls, values: dict[str, Any], source: str = "config.json") -> Self:
        """The network that the content of a published config.json describes.

        source: what to call it in an error. Raises ModelUnavailable for another network, LARGE and GIANT among them.
        """
        try:
            return cls(**_fields(values))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ModelUnavailable(
                f"{source} describes no network we can build ({str(error) or type(error).__name__}); choose "
                "Depth Anything 3 SMALL or BASE, or a DUSt3R checkpoint"
            ) from error


def is_depth_anything_3(values: dict[str, Any]) -> bool:
    """Whether the content of a config.json is of this family, in whatever size."""
    return "model_name" in values and isinstance(values.get("config"), dict)


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    """Our fields from theirs, checked; ValueError says what does not fit."""
    config = values["config"]
    parts = {name: config if not name else _part(config, name) for name in CLASSES}
    name = parts["net"].get("name")
    if name in OTHERS:
        raise ValueError(f"it is the size {OTHERS[name]}")
    for part, wanted in CLASSES.items():
        found = _part(parts[part], "__object__").get("name")
        if found != wanted:
            raise ValueError(f"{part or 'config'} is a {str(found)[:40]}, expected {wanted}")
    width, heads = _size(parts["net"])
    head = parts["head"]
    levels = tuple(_width("out_channels", value) for value in head["out_channels"])
    fields = {"width": width, "heads": heads, "level_widths": levels, "features": _width("features", head["features"])}
    wanted = {
        "net": {"out_layers": [5, 7, 9, 11], "alt_start": 4, "qknorm_start": 4, "rope_start": 4, "cat_token": True},  # nosec B105
        "head": {"dim_in": 2 * width, "output_dim": 2},
        "cam_enc": {"dim_out": width},
        "cam_dec": {"dim_in": 2 * width},
    }
    for part, numbers in wanted.items():
        for key, number in numbers.items():
            if parts[part].get(key) != number:
                raise ValueError(f"{part}.{key} is {str(parts[part].get(key))[:40]}, expected {number}")
    if len(levels) != 4:
        raise ValueError(f"head.out_channels names {len(levels)} widths, expected 4")
    return fields


def _part(values: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(values.get(name), dict):
        raise ValueError(f"it does not say {name}")
    return values[name]


def _size(net: dict[str, Any]) -> tuple[int, int]:
    """Width and heads, by the backbone's name, or as stated for one that has none of the published sizes."""
    if net.get("name") in SIZES:
        return SIZES[net["name"]]
    if "embed_dim" not in net or "num_heads" not in net:
        raise ValueError(f"net.name is {str(net.get('name'))[:40]!r}, expected {' or '.join(SIZES)}")
    width, heads = _width("embed_dim", net["embed_dim"]), _width("num_heads", net["num_heads"])
    if width % (4 * heads) or width % DepthAnything3Config().camera_encoder_heads:
        raise ValueError(f"net.embed_dim {width} is not a multiple of 4 times num_heads and of 16")
    return width, heads


def _width(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        raise ValueError(f"{key} is {str(value)[:40]}, expected a whole number from 1 to {LARGEST}")
    return value
