"""A checkpoint's description is read as data; what does not fit is said in one sentence."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from dust3r.core.errors import ModelUnavailable
from dust3r.core.networks.dust3r.config import ModelConfig

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = (
    "AsymmetricCroCo3DStereo(pos_embed='RoPE100', img_size=({size}, {size}), head_type='{head}', output_mode='pts3d', "
    "depth_mode=('exp', -inf, inf), conf_mode=('exp', 1, inf), enc_embed_dim=1024, enc_depth=24, enc_num_heads=16, "
    "dec_embed_dim=768, dec_depth=12, dec_num_heads=12)"
)
MAST3R = (
    "AsymmetricMASt3R(pos_embed='RoPE100', patch_embed_cls='ManyAR_PatchEmbed', img_size=(512, 512), "
    "head_type='catmlp+dpt', output_mode='pts3d+desc24', depth_mode=('exp', -inf, inf), conf_mode=('exp', 1, inf), "
    "enc_embed_dim=1024, enc_depth=24, enc_num_heads=16, dec_embed_dim=768, dec_depth=12, dec_num_heads=12, "
    "two_confs=True, desc_conf_mode=('exp', 0, inf))"
)
HUB = {
    "conf_mode": ["exp", 1, math.inf],
    "dec_depth": 12,
    "dec_embed_dim": 768,
    "dec_num_heads": 12,
    "depth_mode": ["exp", -math.inf, math.inf],
    "enc_depth": 24,
    "enc_embed_dim": 1024,
    "enc_num_heads": 16,
    "freeze": "none",
    "head_type": "dpt",
    "img_size": [512, 512],
    "landscape_only": False,
    "output_mode": "pts3d",
    "patch_embed_cls": "PatchEmbedDust3R",
    "pos_embed": "RoPE100",
}


def text(**changes: object) -> str:
    return json.dumps({**HUB, **changes})


@pytest.mark.parametrize(("size", "head"), [(224, "linear"), (512, "linear"), (512, "dpt")])
def test_the_published_descriptions_are_read(size, head):
    config = ModelConfig.from_args_text(PUBLISHED.format(size=size, head=head))
    assert config == ModelConfig(image_size=size, head=head)
    assert config.square_crop == (size == 224)


def test_both_formats_say_the_same():
    assert ModelConfig.from_json(text()) == ModelConfig.from_args_text(PUBLISHED.format(size=512, head="dpt"))


def test_mast3rs_description_is_read_as_its_dpt_body():
    assert ModelConfig.from_args_text(MAST3R) == ModelConfig()


def test_every_setting_that_matters_is_taken():
    values = {"patch_size": 8, "mlp_ratio": 2.0, "img_size": 96, "pos_embed": "RoPE50", "head_type": "linear"}
    modes = {"depth_mode": ["square", -math.inf, math.inf], "conf_mode": ["sigmoid", 1, 9]}
    config = ModelConfig.from_json(text(**values, **modes))
    assert (config.patch_size, config.mlp_ratio, config.image_size, config.rope_base) == (8, 2, 96, 50.0)
    assert (config.depth_mode[0], config.confidence_mode) == ("square", ("sigmoid", 1.0, 9.0))


@pytest.mark.parametrize(
    "change",
    [
        {"head_type": "gaussians"},
        {"head_type": ["dpt"]},
        {"pos_embed": "cosine"},
        {"enc_depth": 0},
        {"enc_depth": 10**9},
        {"enc_depth": True},
        {"enc_depth": "24"},
        {"enc_depth": math.nan},
        {"enc_depth": math.inf},
        {"dec_num_heads": 7},
        {"patch_size": 14},
        {"img_size": []},
        {"img_size": None},
        {"conf_mode": ["exp", 1]},
        {"conf_mode": ["exp", 2, 1]},
        {"conf_mode": ["sigmoid", 1, math.inf]},
        {"depth_mode": ["exp", 0, math.inf]},
        {"output_mode": "gaussians"},
        {"norm_im2_in_dec": False},
        {"patch_embed_cls": "Other"},
        {"use_temporal_attention": True},
    ],
    ids=str,
)
def test_a_setting_we_cannot_honour_is_refused_by_name(change):
    with pytest.raises(ModelUnavailable, match=f"^here/config.json .*{next(iter(change))}"):
        ModelConfig.from_json(text(**change), "here/config.json")


@pytest.mark.parametrize("bad", ["", "[]", "null", "{", "[" * 10_000, "{}", "x" * 30_000, '{"enc_depth": 24}'], ids=len)
def test_a_text_that_is_no_description_is_refused(bad):
    with pytest.raises(ModelUnavailable, match="describes no network we can build"):
        ModelConfig.from_json(bad)


@pytest.mark.parametrize(
    "value",
    [
        "__import__('os').system('touch {mark}')",
        "open('{mark}', 'w')",
        "[x for x in open('{mark}', 'w').name]",
        "(lambda: open('{mark}', 'w'))()",
        "f\"{{open('{mark}', 'w')}}\"",
        "1 if open('{mark}', 'w') else 2",
        "2 ** 99",
        "nan",
        "-True",
        "...",
        "b'x'",
        "1j",
    ],
)
def test_code_in_the_args_text_is_refused_and_not_run(tmp_path, value):
    mark = tmp_path / "ran"
    bad = PUBLISHED.format(size=512, head="dpt").replace("enc_depth=24", "enc_depth=" + value.format(mark=mark))
    with pytest.raises(ModelUnavailable):
        ModelConfig.from_args_text(bad)
    assert not mark.exists()


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "24",
        "AsymmetricCroCo3DStereo",
        "os.system('true')",
        "print()",
        "AsymmetricCroCo3DStereo('RoPE100')",
        "AsymmetricCroCo3DStereo(**{'enc_depth': 24})",
        "AsymmetricCroCo3DStereo(enc_depth=24); print()",
        "AsymmetricCroCo3DStereo(enc_depth=24, enc_depth=25)",
        "AsymmetricCroCo3DStereo(enc_depth=" + "-" * 15_000 + "1)",
        "AsymmetricCroCo3DStereo(enc_depth=" + "(" * 5_000 + ")" * 5_000 + ")",
        "AsymmetricCroCo3DStereo(\0)",
    ],
    ids=lambda bad: bad[:40],
)
def test_a_text_other_than_one_literal_call_is_refused(bad):
    with pytest.raises(ModelUnavailable, match="describes no network we can build"):
        ModelConfig.from_args_text(bad)


def test_blenders_side_can_read_descriptions_and_model_lists_without_torch():
    code = (
        "import sys; sys.path.insert(0, 'tests'); import conftest; "
        "import dust3r.core.networks.dust3r.config, dust3r.core.networks.dust3r.names; "
        "import dust3r.core.checkpoints.local, dust3r.core.checkpoints.download; "
        "assert not {'torch', 'huggingface_hub', 'safetensors'} & sys.modules.keys()"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=sys.modules["conftest"].ROOT if "conftest" in sys.modules else "."
    )
