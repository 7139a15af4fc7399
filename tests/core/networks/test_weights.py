"""Checkpoints are opened strictly and safely: every weight in its place, and nothing in the file is ever run."""

import argparse
import csv
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from dust3r.core.checkpoints.loading import LoadedModel, load_model
from dust3r.core.errors import ModelUnavailable
from dust3r.core.networks.dust3r.config import DPTWidths, ModelConfig
from dust3r.core.networks.dust3r.dust3r import DUSt3R
from dust3r.core.networks.dust3r.names import canonical_name, is_unused, published_name
from safetensors.torch import load_file, save_file

CPU = torch.device("cpu")
VARIANTS = {
    "224_linear": ModelConfig(head="linear", image_size=224),
    "512_linear": ModelConfig(head="linear"),
    "512_dpt": ModelConfig(),
}


class Trap:
    """A pickled object that would create a file if its pickle were run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


@pytest.fixture(scope="module")
def models(golden) -> Path:
    return golden / "models"


@pytest.fixture
def folder(tmp_path, models) -> Path:
    """A copy of the small DPT model that a test may spoil."""
    return Path(shutil.copytree(models / "tiny_dpt_hf", tmp_path / "mein Modell é"))


def content(models: Path, name: str = "tiny_dpt") -> dict:
    with torch.serialization.safe_globals([argparse.Namespace]):
        return torch.load(models / f"{name}.pth", weights_only=True)


def change(folder: Path, edit) -> None:
    """Rewrite the weights of a folder after `edit` worked on them."""
    state = {name: value.clone() for name, value in load_file(folder / "model.safetensors").items()}
    edit(state)
    save_file(state, folder / "model.safetensors")


def values(model: LoadedModel) -> dict[str, torch.Tensor]:
    return model.network.state_dict()


def same(one: LoadedModel, other: LoadedModel) -> bool:
    a, b = values(one), values(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("variant", VARIANTS)
def test_our_parameters_are_exactly_the_published_ones(golden, variant):
    with (golden / "keys" / f"state_dict_{variant}.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    published = {row["key"]: tuple(map(int, row["shape"].split("x"))) for row in rows}
    expected = {canonical_name(key): shape for key, shape in published.items() if not is_unused(key)}
    assert {key for key in published if is_unused(key)} == {"mask_token"}
    with torch.device("meta"):
        network = DUSt3R(VARIANTS[variant])
    ours = network.state_dict()
    assert {published_name(name): tuple(value.shape) for name, value in ours.items()} == expected
    assert len({published_name(name) for name in ours}) == len(ours)


def test_a_folder_a_file_and_a_pth_hold_the_same_network(models):
    folder, file = models / "tiny_dpt_hf", models / "tiny_dpt_hf" / "model.safetensors"
    loaded = [load_model(path, CPU) for path in (folder, file, models / "tiny_dpt.pth")]
    assert same(loaded[0], loaded[1]) and same(loaded[0], loaded[2])
    assert [model.name for model in loaded] == ["tiny_dpt_hf", "tiny_dpt_hf", "tiny_dpt"]
    assert loaded[0].sha256 == loaded[1].sha256 != loaded[2].sha256
    assert isinstance(loaded[0].config, ModelConfig)
    assert loaded[0].config.dpt == DPTWidths((8, 12, 16, 24), 16, 8)


def test_a_loaded_network_is_frozen_in_evaluation_mode_and_float32(models):
    network = load_model(models / "tiny_linear_hf", CPU).network
    assert not network.training
    assert not any(p.requires_grad or p.dtype != torch.float32 or p.is_meta for p in network.parameters())


@pytest.mark.parametrize("old_torch", [False, True])
def test_opening_a_pth_leaves_torchs_allow_list_as_it_was(models, monkeypatch, old_torch):
    if old_torch:  # torch 2.4 has the list but not the context manager
        monkeypatch.delattr(torch.serialization, "safe_globals")
    torch.serialization.add_safe_globals([Trap])
    before = torch.serialization.get_safe_globals()
    load_model(models / "tiny_linear.pth", CPU)
    assert set(torch.serialization.get_safe_globals()) == set(before)
    torch.serialization.clear_safe_globals()


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_weights_become_float32(folder, precision):
    exact = {name: value.clone() for name, value in load_file(folder / "model.safetensors").items()}
    change(folder, lambda state: state.update({k: v.to(precision) for k, v in state.items()}))
    for name, value in values(load_model(folder, CPU)).items():
        assert value.dtype == torch.float32
        assert torch.equal(value, exact[published_name(name)].to(precision).float())


def test_either_name_of_the_doubled_tensors_is_accepted(folder, models):
    def rename(state):
        for head in (1, 2):
            scratch = f"downstream_head{head}.dpt.scratch"
            for k in range(4):
                state[f"{scratch}.layer_rn.{k}.weight"] = state.pop(f"{scratch}.layer{k + 1}_rn.weight")

    change(folder, rename)
    assert same(load_model(folder, CPU), load_model(models / "tiny_dpt.pth", CPU))


def test_without_a_second_decoder_the_first_serves_for_both(folder):
    change(folder, lambda state: [state.pop(name) for name in list(state) if name.startswith("dec_blocks2.")])
    network = load_model(folder, CPU).network
    assert isinstance(network, DUSt3R)
    first, second = network.decoder_1.state_dict(), network.decoder_2.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["0.mlp.fc1.weight"].data_ptr() != second["0.mlp.fc1.weight"].data_ptr()


def test_what_inference_never_reads_may_be_there_or_not(folder, models):
    def edit(state):
        del state["mask_token"]
        state |= {"prediction_head.weight": torch.ones(3, 4), "dec_pos_embed": torch.ones(1, 2)}

    change(folder, edit)
    assert same(load_model(folder, CPU), load_model(models / "tiny_dpt_hf", CPU))


def test_a_mast3r_checkpoint_loads_without_its_descriptors(tmp_path, models):
    saved = content(models)
    plain = load_model(models / "tiny_dpt.pth", CPU)
    text = saved["args"].model.replace("AsymmetricCroCo3DStereo", "AsymmetricMASt3R")
    text = text.replace("'dpt'", "'catmlp+dpt'").replace("'pts3d'", "'pts3d+desc24'")
    saved["args"].model = text[:-1] + ", two_confs=True, desc_conf_mode=('exp', 0, inf))"
    for head in (1, 2):
        local = f"downstream_head{head}.head_local_features"
        saved["model"] |= {f"{local}.fc1.weight": torch.ones(8, 56), f"{local}.fc1.bias": torch.ones(8)}
    torch.save(saved, tmp_path / "mast3r.pth")
    assert same(load_model(tmp_path / "mast3r.pth", CPU), plain)


def test_a_monst3r_checkpoint_loads_with_its_training_state(tmp_path, models):
    saved = content(models)
    saved["args"].model = saved["args"].model[:-1] + ", freeze='encoder')"
    saved |= {"optimizer": {"state": {}, "param_groups": []}, "scaler": {}, "epoch": 50, "best_so_far": 0.1}
    torch.save(saved, tmp_path / "monst3r.pth", _use_new_zipfile_serialization=False)
    assert same(load_model(tmp_path / "monst3r.pth", CPU), load_model(models / "tiny_dpt.pth", CPU))


@pytest.mark.parametrize("place", ["args", "state", "whole", "bare pickle", "beside"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, models, place, zipped):
    path, mark = tmp_path / "model.pth", tmp_path / "ran"
    saved, trap = content(models, "tiny_linear"), Trap(mark)
    if place == "args":
        saved["args"].lr = trap
    elif place == "state":
        saved["model"]["enc_norm.weight"] = trap
    elif place == "beside":
        saved["optimizer"] = trap
    if place == "bare pickle":
        path.write_bytes(pickle.dumps(trap, protocol=2))
    else:
        torch.save(trap if place == "whole" else saved, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelUnavailable, match="nothing of it was run") as refusal:
        load_model(path, CPU)
    assert refusal.value.exit_code == 3
    assert not mark.exists()


def test_an_args_text_with_code_is_refused_and_not_run(tmp_path, models):
    mark = tmp_path / "ran"
    saved = content(models, "tiny_linear")
    saved["args"].model = saved["args"].model.replace("enc_depth=2", f"enc_depth=[2, open({str(mark)!r}, 'w')][0]")
    torch.save(saved, tmp_path / "model.pth")
    with pytest.raises(ModelUnavailable, match=r"model\.pth describes no network .*not a literal value"):
        load_model(tmp_path / "model.pth", CPU)
    assert not mark.exists()


@pytest.mark.parametrize(
    "foreign",
    [{}, [1, 2], {"model": {}}, {"args": {"model": "x"}, "model": {}}, {"args": argparse.Namespace(), "model": {}}, 7],
    ids=str,
)
def test_a_pth_of_something_else_is_refused(tmp_path, foreign):
    torch.save(foreign, tmp_path / "other.pth")
    with pytest.raises(ModelUnavailable, match="holds other data than a DUSt3R checkpoint"):
        load_model(tmp_path / "other.pth", CPU)


@pytest.mark.parametrize("name", ["photo.pth", "photo.safetensors", "model"])
@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff\xe0 no model", b"PK\x03\x04", b"{}" * 9999, b"\x80\x02."], ids=len
)
def test_a_foreign_file_is_refused(folder, name, data):
    (folder / name).write_bytes(data)
    with pytest.raises(ModelUnavailable, match="mein Modell é"):
        load_model(folder / name, CPU)


@pytest.mark.parametrize("keep", [0, 5, 100, 0.2, 0.9, 0.9999])
@pytest.mark.parametrize("name", ["tiny_dpt_hf/model.safetensors", "tiny_dpt.pth"])
def test_a_truncated_file_is_refused(tmp_path, models, name, keep):
    shutil.copytree(models / "tiny_dpt_hf", tmp_path / "model")
    path = tmp_path / "model" / Path(name).name
    data = (models / name).read_bytes()
    path.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    with pytest.raises(ModelUnavailable, match="model") as refusal:
        load_model(path, CPU)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["tiny_linear_hf/model.safetensors", "tiny_linear.pth"])
def test_damage_anywhere_is_survived(tmp_path, models, name):
    """Bytes turned at random: the file still opens (the damage hit a value) or is refused; never another error."""
    shutil.copytree(models / "tiny_linear_hf", tmp_path / "model")
    path, data = tmp_path / "model" / Path(name).name, (models / name).read_bytes()
    random = torch.Generator().manual_seed(0)
    for trial in range(60):
        spoiled = bytearray(data)
        reach = len(data) if trial % 2 else 6000  # the description at the start is the delicate part
        for place in torch.randint(reach, (4,), generator=random).tolist():
            spoiled[place if name.endswith("safetensors") or trial % 4 else -place - 1] ^= 0xFF
        path.write_bytes(spoiled)
        try:
            load_model(path, CPU)
        except ModelUnavailable as refusal:
            assert "\n" not in str(refusal)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda state: state.pop("enc_norm.weight"), r"1 are missing \(enc_norm.weight\)"),
        (lambda state: state.update(extra=torch.ones(2)), r"1 are unknown \(extra\)"),
        (
            lambda state: state.update({"enc_norm.weight": torch.ones(7)}),
            r"1 have another shape \(enc_norm.weight is \(7,\), not \(32,\)\)",
        ),
        (lambda state: [state.pop(name) for name in list(state) if "enc_" in name], r"missing \(.* and \d+ more\)"),
        (lambda state: state.clear(), "missing"),
        (lambda state: state["enc_norm.weight"].fill_(torch.nan), r"not finite \(enc_norm.weight\)"),
        (lambda state: state["patch_embed.proj.weight"].view(-1)[5:6].fill_(-torch.inf), "not finite"),
        (lambda state: state.update({"enc_norm.weight": torch.ones(32, dtype=torch.int64)}), "not a plain tensor"),
        (
            lambda state: state.update({"downstream_head1.dpt.scratch.layer_rn.0.weight": torch.ones(16, 8, 3, 3)}),
            "should be the same weights",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(folder, edit, words):
    change(folder, edit)
    with pytest.raises(ModelUnavailable, match=words) as refusal:
        load_model(folder, CPU)
    assert "model.safetensors" in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_description_of_another_network_is_refused(folder):
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"enc_depth": 3}))
    with pytest.raises(ModelUnavailable, match=r"12 are missing \(enc_blocks.2.norm1.weight"):
        load_model(folder, CPU)
    (folder / "config.json").write_text(json.dumps(values | {"head_type": "linear"}))
    with pytest.raises(ModelUnavailable, match=r"4 are missing .* are unknown"):
        load_model(folder, CPU)


def test_weights_of_eight_bits_are_refused_by_their_kind(folder):
    change(folder, lambda state: state.update({"enc_norm.bias": state["enc_norm.bias"].to(torch.float8_e4m3fn)}))
    with pytest.raises(ModelUnavailable, match=r"enc_norm\.bias is stored as float8_e4m3fn, not one of fl"):
        load_model(folder, CPU)


def test_dense_garbage_of_a_pth_is_refused(tmp_path, models):
    saved = content(models, "tiny_linear")
    saved["model"]["enc_norm.weight"] = "ones"
    torch.save(saved, tmp_path / "text.pth")
    with pytest.raises(ModelUnavailable, match=r"enc_norm\.weight is not a plain tensor"):
        load_model(tmp_path / "text.pth", CPU)
    saved["model"]["enc_norm.weight"] = torch.eye(36).to_sparse()
    torch.save(saved, tmp_path / "sparse.pth")
    with pytest.raises(ModelUnavailable, match="plain"):
        load_model(tmp_path / "sparse.pth", CPU)


def test_an_archive_that_is_no_checkpoint_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.pth", "w") as archive:
        archive.writestr("a.jpg", b"no")
    with pytest.raises(ModelUnavailable, match=r"photos\.pth cannot be read"):
        load_model(tmp_path / "photos.pth", CPU)


@pytest.mark.parametrize("gone", ["config.json", "model.safetensors"])
def test_an_incomplete_folder_says_what_is_missing(folder, gone):
    (folder / gone).unlink()
    with pytest.raises(ModelUnavailable, match=f"holds no {gone}"):
        load_model(folder, CPU)


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"There is no model at .*nowhere"):
        load_model(tmp_path / "nowhere", CPU)
