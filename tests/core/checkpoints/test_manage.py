"""Models on this machine: their origin, their sha256, added whole or not at all, removed only where they are ours."""

import argparse
import json
import shutil
from pathlib import Path

import pytest
import torch
from dust3r.core.checkpoints import verify
from dust3r.core.checkpoints.catalogue import KNOWN_MODELS, is_synthetic, licence_of, terms_of
from dust3r.core.checkpoints.download import RemoteFile, copying_steps
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.local import BUNDLED, find_model, list_models
from dust3r.core.checkpoints.manage import add_model
from dust3r.core.checkpoints.provenance import FILE, Origin, read_origin, sha256_of
from dust3r.core.checkpoints.verify import remove_model, verify_model
from dust3r.core.errors import Cancelled, InputError, ModelUnavailable
from dust3r.core.progress import silent
from safetensors import safe_open

DPT, SMALL = KNOWN_MODELS[0], BUNDLED / "small"
FREE = ["da3_base", "da3_small", "small"]  # of the known models, those that anybody may use for anything
WEIGHTS, CONFIG = "model.safetensors", "config.json"


@pytest.fixture
def copy(tmp_path) -> Path:
    """The bundled model in a models folder, with nothing that says where it is from."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in (CONFIG, WEIGHTS):
        shutil.copyfile(SMALL / name, folder / name)
    return folder


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([last ^ 1]))


# Origin


def test_an_origin_comes_back_as_it_was_saved(tmp_path):
    origin = Origin("somewhere", "CC0", True, {"a": "0"})
    origin.save(tmp_path)
    assert read_origin(tmp_path) == origin


@pytest.mark.parametrize(
    "text", ["", "[]", '{"source": 1}', '{"source": "", "licence": "", "commercial": "no"}', '{"x": 1}', "{" * 9999]
)
def test_an_origin_that_is_none_says_nothing(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    assert read_origin(tmp_path) is None


def test_the_sha256_is_the_standards(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")  # FIPS 180-4, example 1


def test_the_licence_is_the_folders_word_else_the_known_models_else_unknown(tmp_path, copy):
    assert licence_of(copy) == licence_of(copy / WEIGHTS) == "licence not stated"
    assert terms_of(tmp_path / DPT.name) == (DPT.licence, False)
    assert licence_of(tmp_path / f"{DPT.name}.pth") == "CC BY-NC-SA 4.0, not for commercial use"
    Origin("", "Ours", True).save(copy)
    assert terms_of(copy) == ("Ours", True)


def test_whether_a_network_saw_synthetic_scenes_alone_is_its_folders_word_else_the_known_models(tmp_path, copy):
    assert is_synthetic(SMALL) and is_synthetic(SMALL / WEIGHTS)
    assert load_model(SMALL, torch.device("cpu")).synthetic
    assert not any(is_synthetic(tmp_path / model.name) for model in KNOWN_MODELS[:3])
    assert not is_synthetic(copy)
    Origin("", "CC0", True, synthetic=True).save(copy)
    assert is_synthetic(copy) and is_synthetic(copy / WEIGHTS)
    assert is_synthetic(add_model(copy, tmp_path / "models", silent, "second"))
    shutil.copyfile(SMALL / "training.json", copy / "training.json")
    Origin("", "CC0", True, synthetic=False).save(copy)
    assert not is_synthetic(copy)


def test_a_network_of_our_own_trainer_says_by_its_recipe_whether_it_saw_synthetic_scenes_alone(copy):
    recipe = json.loads((SMALL / "training.json").read_text())
    (copy / "training.json").write_text(json.dumps(recipe))  # from before it stated this itself
    assert is_synthetic(copy)
    recipe["config"]["stages"][0]["sources"] = [{"kind": "folder", "path": "scans"}]
    (copy / "training.json").write_text(json.dumps(recipe))
    assert not is_synthetic(copy)
    (copy / "training.json").write_text(json.dumps(recipe | {"synthetic": True}))
    assert is_synthetic(copy)
    for damaged in ("", "[]", "{}", '{"config": {"sources": 3}}', "[" * 9000):
        (copy / "training.json").write_text(damaged)
        assert not is_synthetic(copy)


def test_the_commercial_filter_keeps_only_what_is_known_to_be_allowed(tmp_path, copy):
    assert [status.model.name for status in list_models(tmp_path, commercial=True)] == FREE
    Origin("", "CC0", True).save(copy)
    assert [status.model.name for status in list_models(tmp_path, commercial=True)] == [*FREE, "mine"]
    assert find_model("mine", tmp_path, commercial=True) == copy
    Origin("", "NC", False).save(copy)
    with pytest.raises(ModelUnavailable, match=r"Nothing says that mine allows commercial use \(NC, not for"):
        find_model("mine", tmp_path, commercial=True)


def test_the_best_model_for_commercial_use_is_not_the_best_of_all(tmp_path):
    folder = tmp_path / DPT.name
    folder.mkdir()
    for name in DPT.files:
        (folder / name).touch()
    assert find_model(None, tmp_path) == folder
    assert find_model(None, tmp_path, commercial=True) == SMALL


def test_what_to_copy_by_hand_names_every_file_and_the_folder(tmp_path):
    text = " ".join(copying_steps(DPT, tmp_path))
    for name in DPT.files:
        assert f"https://huggingface.co/{DPT.repository}/resolve/main/{name}" in text
    assert str(tmp_path / DPT.name) in text
    assert copying_steps(KNOWN_MODELS[-1], tmp_path) == ()


# Verify


def test_the_bundled_model_is_what_was_sealed():
    assert "is whole" in verify_model(SMALL, silent, online=False)


def test_the_first_check_keeps_the_sha256_and_the_next_finds_any_change(copy):
    assert verify_model(copy, silent, online=False).startswith("Nothing says yet what mine should be")
    assert verify_model(copy, silent, online=False).startswith("mine is whole")
    damage(copy / WEIGHTS)
    with pytest.raises(ModelUnavailable, match=r"mine/model\.safetensors is not the file that came from"):
        verify_model(copy, silent, online=False)


def test_checking_reports_every_byte_and_can_be_cancelled(copy):
    seen = []
    verify_model(copy, lambda stage, done, total: seen.append((done, total)), online=False)
    size = sum((copy / name).stat().st_size for name in (CONFIG, WEIGHTS))
    assert seen[-1] == (size, size) and len(seen) > 10

    def cancel(stage: str, done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        verify_model(copy, cancel, online=False)


def test_half_a_model_is_named(copy):
    (copy / CONFIG).unlink()
    with pytest.raises(ModelUnavailable, match=r"holds no config\.json"):
        verify_model(copy, silent, online=False)


def test_a_published_model_without_an_origin_is_compared_with_the_hub(copy, monkeypatch):
    folder = copy.rename(copy.with_name(DPT.name))
    digests = {name: sha256_of(folder / name) for name in DPT.files}

    def look_up(repository: str, name: str, endpoint: str | None) -> RemoteFile:
        return RemoteFile(name, "", (folder / name).stat().st_size, digests[name])

    monkeypatch.setattr(verify, "look_up", look_up)
    assert DPT.address in verify_model(folder, silent, online=True)
    assert read_origin(folder) == Origin(DPT.address, DPT.licence, False, digests)
    (folder / FILE).unlink()
    damage(folder / WEIGHTS)
    with pytest.raises(ModelUnavailable, match=r"is not the file of https://huggingface.co/naver/"):
        verify_model(folder, silent, online=True)


# Add


def test_a_folder_is_added_byte_by_byte_with_its_licence(tmp_path, copy):
    Origin("a friend", "CC BY 4.0", True).save(copy)
    added = add_model(copy, tmp_path / "models", silent, "second")
    for name in (CONFIG, WEIGHTS):
        assert (added / name).read_bytes() == (copy / name).read_bytes()
    assert read_origin(added) == Origin(
        "a friend", "CC BY 4.0", True, {n: sha256_of(added / n) for n in (CONFIG, WEIGHTS)}
    )
    assert "is whole" in verify_model(added, silent, online=False)
    assert find_model("second", tmp_path / "models") == added


def test_a_pth_becomes_a_folder_that_computes_the_same(tmp_path):
    loaded = load_model(SMALL, torch.device("cpu"))
    path = tmp_path / "checkpoint.pth"
    _save_pth(path)
    added = add_model(path, tmp_path / "models", silent, licence="Ours")
    again = load_model(added, torch.device("cpu"))
    assert (again.name, again.licence) == ("checkpoint", "Ours")
    assert again.config == loaded.config
    with safe_open(added / WEIGHTS, "pt") as file:
        assert file.metadata() == {"format": "pt"}  # what other readers of the format ask for
    for (name, ours), (other, theirs) in zip(
        loaded.network.state_dict().items(), again.network.state_dict().items(), strict=True
    ):
        assert name == other and torch.equal(ours, theirs)


def _save_pth(path: Path) -> None:
    from safetensors.torch import load_file

    values = json.loads((SMALL / CONFIG).read_text())
    text = ", ".join(f"{key}={_argument(value)}" for key, value in values.items())
    model = f"AsymmetricCroCo3DStereo({text})"
    torch.save({"args": argparse.Namespace(model=model), "model": load_file(SMALL / WEIGHTS)}, path)


def _argument(value: object) -> str:
    return repr(tuple(value) if isinstance(value, list) else value).replace("'-inf'", "-inf")


@pytest.mark.parametrize("name", ["../up", DPT.name, "512_dpt", "small"])
def test_a_name_that_is_anothers_or_none_is_refused_and_leaves_nothing(tmp_path, copy, name):
    with pytest.raises(InputError):
        add_model(copy, tmp_path / "models", silent, name)
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").iterdir())


def test_nothing_is_overwritten(tmp_path, copy):
    with pytest.raises(InputError, match=r"There is a model .*mine already"):
        add_model(copy, tmp_path, silent, "mine")


def test_a_cancelled_or_failed_addition_leaves_nothing(tmp_path, copy):
    def cancel(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        add_model(copy, tmp_path / "models", cancel, "new")
    assert list((tmp_path / "models").iterdir()) == []
    (copy / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(ModelUnavailable):
        add_model(copy, tmp_path / "models", silent, "new")
    assert list((tmp_path / "models").iterdir()) == []


# Remove


def test_a_model_among_the_models_is_removed_whole(tmp_path, copy):
    remove_model(copy, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_else_is_removed(tmp_path, copy):
    (tmp_path / "photos").mkdir()
    for folder in (SMALL, tmp_path / "photos", tmp_path, copy / ".."):
        with pytest.raises(InputError, match="only those there can be removed"):
            remove_model(folder, tmp_path)
    assert copy.is_dir() and (SMALL / WEIGHTS).is_file()


def test_of_a_linked_model_only_the_link_goes(tmp_path, copy):
    (tmp_path / "models").mkdir()
    link = tmp_path / "models" / "linked"
    link.symlink_to(copy)
    remove_model(link, tmp_path / "models")
    assert not link.exists() and (copy / WEIGHTS).is_file()
