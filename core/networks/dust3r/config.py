"""What a checkpoint says of its own network. Imports no torch."""

import ast
import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal, Self

from ...errors import ModelUnavailable

Head = Literal["linear", "dpt"]
Mode = tuple[str, float, float]  # how a raw output becomes a length or a confidence: (name, lowest, highest)

CONFIG, WEIGHTS = "config.json", "model.safetensors"  # the files of a model's folder
DEPTH_MODES = ("exp", "square", "linear")
CONFIDENCE_MODES = ("exp", "sigmoid")
# DUSt3R's and MonST3R's class, and MASt3R's, whose descriptors we do not use.
CLASSES = ("AsymmetricCroCo3DStereo", "AsymmetricMASt3R")
HEADS: dict[str, Head] = {"linear": "linear", "dpt": "dpt", "catmlp+dpt": "dpt"}
# Settings of training or of MASt3R's descriptors: they change nothing in what we compute.
IGNORED = {"freeze", "landscape_only", "mask_ratio", "two_confs", "desc_conf_mode", "desc_mode"}
# Their names -> ours.
NUMBERS = {
    "enc_embed_dim": "encoder_width",
    "enc_depth": "encoder_depth",
    "enc_num_heads": "encoder_heads",
    "dec_embed_dim": "decoder_width",
    "dec_depth": "decoder_depth",
    "dec_num_heads": "decoder_heads",
    "patch_size": "patch_size",
    "mlp_ratio": "mlp_ratio",
}
REQUIRED = {*NUMBERS, "img_size", "head_type", "pos_embed"} - {"patch_size", "mlp_ratio"}
DPT_PATCHES = (8, 16)  # pixels along a patch's side that a DPT head's doublings lead back to
LARGEST, DEEPEST = 16384, 256  # of the numbers above: a description beyond is damage, not a network
LONGEST_TEXT = 20_000  # characters; the published descriptions have about 400


@dataclass(frozen=True, slots=True)
class DPTWidths:
    """Channels inside a DPT head; the published ones by default, else read from the tensors' shapes."""

    layers: tuple[int, int, int, int] = (96, 192, 384, 768)  # of the four maps, fine to coarse
    features: int = 256  # of every map while they are fused
    last: int = 128  # of the map before the output


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of a network; the defaults are DUSt3R_ViTLarge_BaseDecoder_512_dpt's."""

    encoder_width: int = 1024  # channels of an encoder token
    encoder_depth: int = 24  # encoder blocks
    encoder_heads: int = 16  # attention heads of an encoder block
    decoder_width: int = 768  # channels of a decoder token
    decoder_depth: int = 12  # blocks of each of the two decoders
    decoder_heads: int = 12  # attention heads of a decoder block
    patch_size: int = 16  # pixels along a patch's side; photos are cropped to multiples of it
    mlp_ratio: int = 4  # hidden channels of a block's MLP per token channel
    rope_base: float = 100.0  # wavelengths of the position code: 2 pi to 2 pi times this, in patches
    image_size: int = 512  # pixels of a photo's long side in training (224: of both sides)
    head: Head = "dpt"
    depth_mode: Mode = ("exp", -math.inf, math.inf)  # the point's distance from the raw vector's length
    confidence_mode: Mode = ("exp", 1.0, math.inf)  # lowest and highest confidence there is
    dpt: DPTWidths = DPTWidths()  # only for head "dpt"

    @property
    def square_crop(self) -> bool:
        """True: photos are cropped to image_size x image_size; False: their long side becomes image_size."""
        return self.image_size == 224  # the published rule, by size

    @classmethod
    def from_json(cls, text: str, source: str = "config.json") -> Self:
        """The network that a hub folder's config.json describes; bare Infinity is accepted.

        source: what to call the text in an error. Raises ModelUnavailable.
        """
        try:
            if len(text) > LONGEST_TEXT:
                raise ValueError(f"it is {len(text)} characters long")
            values = json.loads(text)
            if not isinstance(values, dict):
                raise ValueError("it is not a set of named values")
            return cls(**_fields(values))
        except (ValueError, RecursionError) as error:
            raise _refusal(source, error) from error

    @classmethod
    def from_args_text(cls, text: str, source: str = "the checkpoint's args") -> Self:
        """The network that a .pth's constructor text describes. The text is parsed, never run.

        Only one call with literal keywords is read (numbers, strings, inf, tuples). Raises ModelUnavailable.
        """
        try:
            return cls(**_fields(_literal_call(text)))
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise _refusal(source, error) from error


def _refusal(source: str, error: BaseException) -> ModelUnavailable:
    reason = str(error) or type(error).__name__
    return ModelUnavailable(f"{source} describes no network we can build ({reason}); choose a DUSt3R checkpoint")


def _literal_call(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"it is {len(text)} characters long")
    call = ast.parse(text.strip(), mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in CLASSES:
        raise ValueError(f"expected a call of {' or '.join(CLASSES)}")
    if call.args:
        raise ValueError("expected keywords only")
    return {_keyword(item): _literal(item.value) for item in call.keywords}


def _keyword(item: ast.keyword) -> str:
    if item.arg is None:
        raise ValueError("** is not a literal keyword")
    return item.arg


def _literal(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id="inf"):
            return math.inf
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id="inf")):
            return -math.inf
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return [_literal(item) for item in items]
    raise ValueError(f"{ast.unparse(node)[:60]!r} is not a literal value")


def _fields(values: dict[str, Any]) -> dict[str, Any]:
    """Our fields from their names, checked; ValueError says what does not fit."""
    if missing := sorted(REQUIRED - values.keys()):
        raise ValueError(f"it does not say {', '.join(missing)}")
    fields: dict[str, Any] = {NUMBERS[key]: _positive(key, values[key]) for key in NUMBERS if key in values}
    for side in ("enc", "dec"):
        if values[f"{side}_embed_dim"] % (4 * values[f"{side}_num_heads"]):  # the position code halves a head twice
            raise ValueError(f"{side}_embed_dim is not a multiple of 4 times {side}_num_heads")
    readers = {
        "img_size": ("image_size", _image_size),
        "head_type": ("head", lambda head: HEADS[_choice("head_type", head, HEADS)]),
        "pos_embed": ("rope_base", _rope_base),
        "depth_mode": ("depth_mode", _depth_mode),
        "conf_mode": ("confidence_mode", lambda mode: _mode("conf_mode", mode, CONFIDENCE_MODES)),
    }
    fields |= {ours: read(values[key]) for key, (ours, read) in readers.items() if key in values}
    _check_the_rest(values, known={*NUMBERS, *readers})
    if fields["head"] == "dpt" and fields.get("patch_size", 16) not in DPT_PATCHES:
        raise ValueError(f"patch_size is {fields['patch_size']}, but a DPT head needs 8 or 16")
    return fields


def _check_the_rest(values: dict[str, Any], known: set[str]) -> None:
    """Settings that we know in one form only, or not at all."""
    _choice(
        "patch_embed_cls", values.get("patch_embed_cls", "PatchEmbedDust3R"), ("PatchEmbedDust3R", "ManyAR_PatchEmbed")
    )
    if not re.fullmatch(r"pts3d(\+desc\d+)?", str(values.get("output_mode", "pts3d"))):
        raise ValueError(f"output_mode is {values['output_mode']!r}, expected pts3d")
    if values.get("norm_im2_in_dec", True) is not True:
        raise ValueError("norm_im2_in_dec must be true")
    unknown = values.keys() - known - IGNORED - {"patch_embed_cls", "output_mode", "norm_im2_in_dec"}
    if unknown:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown)[:5])}")


def _positive(key: str, value: Any) -> int:
    most = DEEPEST if key.endswith("_depth") else LARGEST
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= most or value != int(value):
        raise ValueError(f"{key} is {value!r}, expected a whole number from 1 to {most}")
    return int(value)


def _choice(key: str, value: Any, choices: Any) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{key} is {value!r}, expected {' or '.join(choices)}")
    return value


def _image_size(value: Any) -> int:
    sides = value if isinstance(value, list) else [value]
    if len(sides) not in (1, 2):
        raise ValueError(f"img_size is {value!r}, expected one or two numbers")
    return max(_positive("img_size", side) for side in sides)


def _rope_base(value: Any) -> float:
    match = re.fullmatch(r"RoPE(\d{1,6})", str(value))
    if match is None or int(match[1]) < 1:
        raise ValueError(f"pos_embed is {value!r}, expected RoPE100")
    return float(match[1])


def _mode(key: str, value: Any, names: tuple[str, ...]) -> Mode:
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError(f"{key} is {value!r}, expected a name and two bounds")
    name, *bounds = value
    if (
        any(isinstance(bound, bool) or not isinstance(bound, int | float) for bound in bounds)
        or not bounds[0] < bounds[1]
    ):
        raise ValueError(f"{key} is {value!r}, expected two rising bounds")
    mode = (_choice(key, name, names), float(bounds[0]), float(bounds[1]))
    if mode[0] == "sigmoid" and not all(map(math.isfinite, mode[1:])):
        raise ValueError(f"{key} is {value!r}, but a sigmoid needs finite bounds")
    return mode


def _depth_mode(value: Any) -> Mode:
    mode = _mode("depth_mode", value, DEPTH_MODES)
    if mode[1:] != (-math.inf, math.inf):
        raise ValueError(f"depth_mode is {value!r}, expected infinite bounds")
    return mode


def describe(config: ModelConfig) -> dict[str, Any]:
    """The published form of config.json."""
    return {
        "conf_mode": list(config.confidence_mode),
        "dec_depth": config.decoder_depth,
        "dec_embed_dim": config.decoder_width,
        "dec_num_heads": config.decoder_heads,
        "depth_mode": list(config.depth_mode),
        "enc_depth": config.encoder_depth,
        "enc_embed_dim": config.encoder_width,
        "enc_num_heads": config.encoder_heads,
        "freeze": "none",
        "head_type": config.head,
        "img_size": [config.image_size, config.image_size],
        "landscape_only": False,
        "mlp_ratio": config.mlp_ratio,
        "output_mode": "pts3d",
        "patch_embed_cls": "PatchEmbedDust3R",
        "patch_size": config.patch_size,
        "pos_embed": f"RoPE{config.rope_base:.0f}",
    }
