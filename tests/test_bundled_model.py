"""A published model inside the zip: only one that may be passed on, and only the published file."""

import sys

import pytest

from .conftest import ROOT

sys.path[:0] = [str(ROOT / "tools" / "packaging")]

import bundled_model  # noqa: E402
from wheel_set import PackagingError  # noqa: E402


def put(folder, weights=b"weights"):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


@pytest.mark.parametrize("name", ["512_dpt", "small", "DA3-LARGE", ""])
def test_only_models_whose_licence_allows_it_can_go_into_the_zip(tmp_path, name):
    with pytest.raises(PackagingError, match="cannot go into the zip: only da3_base and da3_small may"):
        bundled_model.find_model(name, tmp_path)


def test_a_model_that_is_not_on_this_machine_says_how_to_get_it(tmp_path):
    with pytest.raises(PackagingError, match="SMALL is not on this machine; download it first"):
        bundled_model.find_model("da3_small", tmp_path)


def test_other_files_under_its_name_are_refused(tmp_path):
    put(tmp_path / "da3_small")
    with pytest.raises(PackagingError, match=r"is not the published file \(sha256"):
        bundled_model.find_model("DA3_small", tmp_path)


def test_its_files_and_its_licences_text_lie_where_models_are_looked_for(tmp_path):
    model = put(tmp_path / "models" / "da3_small")
    licence = bundled_model.licence_of(model)
    bundled_model.stage_model(model, licence, tmp_path / "stage")
    staged = tmp_path / "stage" / "models" / "da3_small"
    assert {path.name for path in staged.iterdir()} == {"config.json", "model.safetensors", "LICENSE.txt"}
    assert "Apache License" in (staged / "LICENSE.txt").read_text()
