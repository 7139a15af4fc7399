"""Known models are found, or the user is told how to get them; downloads resume and are checked."""

import hashlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from dust3r.core.checkpoints import download
from dust3r.core.checkpoints import local as checkpoints
from dust3r.core.checkpoints.catalogue import KNOWN_MODELS, check_model_name
from dust3r.core.checkpoints.download import download_model
from dust3r.core.checkpoints.loading import load_model
from dust3r.core.checkpoints.local import default_model_folder, find_model, first_download, list_models
from dust3r.core.checkpoints.provenance import Origin, read_origin
from dust3r.core.errors import Cancelled, InputError, ModelUnavailable
from dust3r.core.networks.dust3r.config import ModelConfig
from dust3r.core.progress import silent
from dust3r.tests.hub import CONFIG, WEIGHTS, Answer, Hub, serving

DPT, LINEAR_512, DA3_BASE, DA3_SMALL, LINEAR_224, SMALL = KNOWN_MODELS


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)
        for file in ("config.json", "model.safetensors"):
            (folder / name / file).write_bytes(b"x")


def test_the_best_model_that_is_present_is_the_default(tmp_path):
    assert find_model(None, tmp_path) == find_model("", tmp_path) == checkpoints.BUNDLED / "small"
    for model in (LINEAR_224, DA3_SMALL, DA3_BASE, LINEAR_512, DPT):
        put(tmp_path, model.name)
        assert find_model(None, tmp_path) == tmp_path / model.name


def test_the_smallest_free_download_is_offered_where_only_the_bundled_model_is(tmp_path):
    assert first_download(list_models(tmp_path)) == first_download(list_models(tmp_path, commercial=True)) == DA3_SMALL
    put(tmp_path, LINEAR_224.name)
    assert first_download(list_models(tmp_path)) is None
    assert first_download(list_models(tmp_path, commercial=True)) == DA3_SMALL
    put(tmp_path, DA3_BASE.name)
    assert first_download(list_models(tmp_path, commercial=True)) is None


def test_the_best_free_model_is_the_default_where_only_those_are_wanted(tmp_path):
    put(tmp_path, DPT.name, DA3_SMALL.name)
    assert find_model(None, tmp_path) == tmp_path / DPT.name
    assert find_model(None, tmp_path, commercial=True) == tmp_path / DA3_SMALL.name


def test_other_weights_than_this_version_knows_are_not_downloaded(tmp_path, hub):
    with pytest.raises(ModelUnavailable, match="has other weights by now than this version knows"):
        download_model(replace(DPT, sha256="0" * 64), tmp_path, silent, True, hub.endpoint)
    assert not hub.asked and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["512_dpt", "512_DPT", DPT.name, DPT.repository])
def test_a_known_model_is_found_by_any_of_its_names(tmp_path, name):
    put(tmp_path, DPT.name)
    assert find_model(name, tmp_path) == tmp_path / DPT.name


def test_a_path_or_a_folder_among_the_models_is_taken_as_it_is(tmp_path):
    put(tmp_path, "my own")
    (tmp_path / "file.pth").touch()
    assert find_model(str(tmp_path / "file.pth"), tmp_path) == tmp_path / "file.pth"
    assert find_model("my own", tmp_path) == tmp_path / "my own"


def test_an_absent_model_says_how_to_get_it_and_under_which_licence(tmp_path):
    with pytest.raises(ModelUnavailable) as refusal:
        find_model("512_linear", tmp_path)
    assert str(refusal.value) == (
        "DUSt3R 512 linear is not on this machine; download it first (2129 MB, CC BY-NC-SA 4.0, not for commercial use)"
    )
    assert refusal.value.verb == "models --download 512_linear" and refusal.value.exit_code == 3


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(
        ModelUnavailable, match=r"no model 'vggt': .*512_dpt, 512_linear, da3_base, da3_small, 224_linear, small"
    ):
        find_model("vggt", tmp_path)


def test_half_a_model_is_not_present(tmp_path):
    put(tmp_path, DPT.name)
    (tmp_path / DPT.name / "model.safetensors").unlink()
    present = {status.model.short_name: status.present for status in list_models(tmp_path)}
    absent = dict.fromkeys(["512_dpt", "512_linear", "da3_base", "da3_small", "224_linear"], False)
    assert present == absent | {"small": True}


def test_every_other_model_folder_is_listed_after_the_known_ones(tmp_path):
    put(tmp_path, "mine", DPT.name, ".hidden", "half")
    (tmp_path / "half" / "config.json").unlink()
    (tmp_path / "a file").touch()
    (tmp_path / "mine" / "config.json").write_text('{"img_size": [224, 160]}')
    statuses = list_models(tmp_path)
    assert [status.model for status in statuses[: len(KNOWN_MODELS)]] == list(KNOWN_MODELS)
    (mine,) = statuses[len(KNOWN_MODELS) :]
    assert (mine.model.name, mine.path, mine.model.image_size) == ("mine", tmp_path / "mine", 224)
    assert mine.model.terms == "0 MB, licence not stated"
    assert find_model("mine", tmp_path) == tmp_path / "mine"


def test_a_model_of_ones_own_is_the_default_only_where_no_known_one_is(tmp_path, monkeypatch):
    put(tmp_path, "mine")
    assert find_model(None, tmp_path) == checkpoints.BUNDLED / "small"
    monkeypatch.setattr(checkpoints, "BUNDLED", tmp_path / "elsewhere")
    assert find_model(None, tmp_path) == tmp_path / "mine"


@pytest.mark.parametrize("name", ["", " ", ".x", "a/b", "a\\b", "..", "what?", "small", "512_DPT"])
def test_names_that_no_model_can_have_are_refused(name):
    with pytest.raises(InputError):
        check_model_name(name)
    assert check_model_name("My scène 2") == "My scène 2"


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DUST3R_MODELS", str(tmp_path))
    assert default_model_folder() == tmp_path
    monkeypatch.delenv("DUST3R_MODELS")
    assert default_model_folder() == Path.home() / ".cache" / "dust3r-blender"


def test_sizes_follow_from_the_parameters():
    assert [model.size_mb for model in KNOWN_MODELS[:5]] == [2285, 2129, 542, 137, 2129]


def test_the_bundled_model_is_what_the_list_says():
    model = load_model(find_model("small"), torch.device("cpu"))
    size = (find_model("small") / "model.safetensors").stat().st_size
    assert isinstance(model.config, ModelConfig)
    unused = model.config.decoder_width  # the published counts include the mask token
    assert sum(p.numel() for p in model.network.parameters()) + unused == SMALL.parameters
    assert round(size / 1e6) == SMALL.size_mb
    assert (model.config.image_size, model.config.square_crop) == (SMALL.image_size, False)
    assert (model.name, model.sha256[:16]) == ("small", "f34a374eab06cf61")


@pytest.fixture
def hub(monkeypatch) -> Iterator[Hub]:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        yield server


def check_arrived(folder: Path) -> None:
    made = {"config.json": CONFIG, "model.safetensors": WEIGHTS}
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "origin.json"} == made
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    assert read_origin(folder) == Origin(DPT.address, DPT.licence, False, digests)


def test_a_download_arrives_whole_and_reports_every_byte(hub, tmp_path):
    seen = []
    report = lambda stage, done, total: seen.append((done, total))  # noqa: E731
    folder = download_model(DPT, tmp_path / "Modelle é", report, True, hub.endpoint)
    check_arrived(folder)
    total = len(CONFIG) + len(WEIGHTS)
    assert {part[1] for part in seen} == {total}
    assert [part[0] for part in seen] == sorted(part[0] for part in seen)
    assert seen[-1][0] == total and len({part[0] for part in seen}) > 3
    assert find_model("512_dpt", tmp_path / "Modelle é") == folder


def test_what_is_present_is_not_asked_for_again(hub, tmp_path):
    put(tmp_path, DPT.name)
    assert download_model(DPT, tmp_path, silent, False) == tmp_path / DPT.name
    assert download_model(SMALL, tmp_path, silent, False) == checkpoints.BUNDLED / "small"
    assert not hub.asked


def test_a_broken_transfer_goes_on_where_it_broke_off(hub, tmp_path):
    hub.break_after = [1_000_000, 1]
    check_arrived(download_model(DPT, tmp_path, silent, True, hub.endpoint))
    assert hub.asked == ["", "bytes=1000000-", "bytes=1000001-"]


def test_a_server_that_cannot_resume_starts_over(hub, tmp_path):
    hub.break_after, hub.ranges = [1_000_000], False
    check_arrived(download_model(DPT, tmp_path, silent, True, hub.endpoint))


def test_a_dead_line_says_how_far_it_came_and_the_next_try_goes_on(hub, tmp_path):
    hub.break_after = [2_000_000, 0, 0, 0]
    with pytest.raises(ModelUnavailable, match=r"model\.safetensors broke off at 1 of 2 MB; start it again"):
        download_model(DPT, tmp_path, silent, True, hub.endpoint)
    assert not (tmp_path / DPT.name / "model.safetensors").exists()
    assert find_model(None, tmp_path).name == "small"
    check_arrived(download_model(DPT, tmp_path, silent, True, hub.endpoint))
    assert hub.asked[-1] == "bytes=2000000-"


def test_a_wrong_checksum_is_refused_and_leaves_nothing(hub, tmp_path):
    hub.checksum = "0" * 64
    with pytest.raises(ModelUnavailable, match=r"model\.safetensors did not arrive as the hub has it"):
        download_model(DPT, tmp_path, silent, True, hub.endpoint)
    assert [path.name for path in (tmp_path / DPT.name).iterdir()] == ["config.json"]
    hub.checksum = None
    check_arrived(download_model(DPT, tmp_path, silent, True, hub.endpoint))


def test_a_small_files_checksum_counts_too(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(Answer, "do_HEAD", _swapping(Answer.do_HEAD))
    with pytest.raises(ModelUnavailable, match=r"config\.json did not arrive"):
        download_model(DPT, tmp_path, silent, True, hub.endpoint)


def _swapping(head):
    def do_HEAD(self) -> None:
        head(self)
        self.server.files["config.json"] = CONFIG.swapcase()

    return do_HEAD


def test_cancelling_stops_at_once_and_keeps_what_arrived(hub, tmp_path):
    def cancel(stage: str, done: int, total: int) -> None:
        if done > 1_500_000:
            raise Cancelled

    with pytest.raises(Cancelled):
        download_model(DPT, tmp_path, cancel, True, hub.endpoint)
    assert not (tmp_path / DPT.name / "model.safetensors").exists()
    check_arrived(download_model(DPT, tmp_path, silent, True, hub.endpoint))
    assert hub.asked[-1].startswith("bytes=")


def test_offline_nothing_is_asked(hub, tmp_path):
    with pytest.raises(ModelUnavailable, match="online access is off"):
        download_model(DPT, tmp_path, silent, False, hub.endpoint)
    assert not hub.asked and not list(tmp_path.iterdir())


def test_a_hub_that_does_not_answer_is_named_in_one_sentence_with_what_began_it(hub, tmp_path, monkeypatch, caplog):
    hub.files.clear()
    with pytest.raises(ModelUnavailable, match=rf"does not answer for {DPT.repository}/config\.json") as refusal:
        download_model(DPT, tmp_path, silent, True, hub.endpoint)
    assert "\n" not in str(refusal.value)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the hub's client waits between its tries
    with pytest.raises(ModelUnavailable, match=r"does not answer for .* \(Connection refused\); try again later$"):
        download_model(DPT, tmp_path, silent, True, "http://127.0.0.1:9")
    assert not caplog.records  # nothing of the client's tries


def test_a_hub_without_checksums_is_not_trusted(hub, tmp_path):
    hub.checksum = "W/nothing"
    with pytest.raises(ModelUnavailable, match="names no size or checksum"):
        download_model(DPT, tmp_path, silent, True, hub.endpoint)


def test_a_full_disk_is_said_before_the_download(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 0))
    with pytest.raises(InputError, match=r"0 MB free, but config\.json needs"):
        download_model(DPT, tmp_path, silent, True, hub.endpoint)


def test_a_folder_that_cannot_be_written_is_named(hub, tmp_path):
    (tmp_path / "models").write_text("a file")
    with pytest.raises(InputError, match=r"Cannot write .*models.*Not a directory|File exists"):
        download_model(DPT, tmp_path / "models", silent, True, hub.endpoint)
    assert not hub.asked
