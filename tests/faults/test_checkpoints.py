"""Damaged and hostile checkpoints: a model, or one sentence; nothing in them is run, nothing outside is touched.

What must hold for every one of them is asserted by `assert_read_safely`.
"""

import argparse
import io
import json
import math
import pickle
import shutil
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from dust3r.core.checkpoints.loading import LoadedModel, load_model
from dust3r.core.errors import ModelUnavailable
from dust3r.tests.faults.mutations import altered, changes, damaged, edits, tried
from dust3r.tests.faults.watch import assert_read_safely
from hypothesis import given
from hypothesis import strategies as st

CPU = torch.device("cpu")
MOST_MEMORY = 256 << 20  # bytes; the models here have 1 MB
KIND = "checkpoints"
MODELS = Path(__file__).resolve().parent.parent / "golden" / "models"
FOLDER, PTH = MODELS / "tiny_linear_hf", MODELS / "tiny_linear.pth"
WEIGHTS = (FOLDER / "model.safetensors").read_bytes()
CONFIG = json.loads((FOLDER / "config.json").read_text())
(HEAD,) = struct.unpack("<Q", WEIGHTS[:8])
HEADER = json.loads(WEIGHTS[8 : 8 + HEAD])
DTYPES = ("F64", "F32", "F16", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "C64", "X", "")
ODD_FLOATS = [struct.pack("<f", value) for value in (math.nan, math.inf, -math.inf, 3e38, 1e-45)]


def _load(path: Path) -> LoadedModel:
    model = load_model(path, CPU)
    assert all(value.isfinite().all() for value in model.network.state_dict().values())
    return model


def _packed(header: object, data: bytes = WEIGHTS[8 + HEAD :], length: int | None = None) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length % 2**64) + text + data


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A model folder whose files every example writes anew."""
    return Path(shutil.copytree(FOLDER, tmp_path_factory.mktemp("faults") / "model"))


def _assert_weights_read_safely(folder: Path, weights: bytes, config: object = CONFIG) -> object:
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text(json.dumps(config))
    return assert_read_safely(KIND, folder.parent, lambda: _load(folder), MOST_MEMORY)


@tried(100, 8)
@given(edits)
def test_damaged_bytes_of_a_safetensors_file(folder, damage):
    _assert_weights_read_safely(folder, damaged(WEIGHTS, damage))


@tried(100, 8)
@given(changes, st.one_of(st.none(), st.integers(-5, 5).map(lambda by: len(json.dumps(HEADER)) + by), st.integers()))
def test_a_header_that_says_something_else(folder, what, length):
    _assert_weights_read_safely(folder, _packed(altered(HEADER, what), length=length))


@tried(60, 8)
@given(st.sampled_from(sorted(HEADER)), st.sampled_from(DTYPES), st.lists(st.integers(-1, 2**40), max_size=5))
def test_a_tensor_of_another_type_shape_or_place(folder, name, dtype, numbers):
    entry = {"dtype": dtype, "shape": numbers or [32], "data_offsets": (numbers * 2 or [0, 128])[:2]}
    _assert_weights_read_safely(folder, _packed(HEADER | {name: entry}))
    _assert_weights_read_safely(folder, _packed(HEADER | {name: HEADER[name] | {"dtype": dtype}}))


@tried(60, 8)
@given(st.integers(0, (len(WEIGHTS) - 8 - HEAD) // 4 - 1), st.sampled_from(ODD_FLOATS))
def test_a_weight_that_is_no_number_is_found_wherever_it_is(folder, place, value):
    at = 8 + HEAD + 4 * place
    outcome = _assert_weights_read_safely(folder, WEIGHTS[:at] + value + WEIGHTS[at + 4 :])
    finite = math.isfinite(struct.unpack("<f", value)[0])
    unused = HEADER["mask_token"]["data_offsets"]
    if not finite and not unused[0] <= 4 * place < unused[1]:
        assert isinstance(outcome, ModelUnavailable) and "not finite" in str(outcome)


@tried(100, 8)
@given(changes)
def test_a_description_of_something_else(folder, what):
    _assert_weights_read_safely(folder, WEIGHTS, altered(CONFIG, what))


def _zip(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return stream.getvalue()


with zipfile.ZipFile(PTH) as whole:
    ENTRIES = {entry.filename: whole.read(entry) for entry in whole.infolist()}
ENTRY_NAMES = ("../outside", "/tmp/outside", "tiny_linear/data.pkl", "tiny_linear/version", "a" * 3000, "x/../../y")


def _content() -> dict:
    """What the sound checkpoint holds: tensors, and a Namespace."""
    with torch.serialization.safe_globals([argparse.Namespace]):
        return torch.load(PTH, weights_only=True)


def _assert_pth_read_safely(folder: Path, data: bytes) -> object:
    (folder / "model.pth").write_bytes(data)
    return assert_read_safely(KIND, folder.parent, lambda: _load(folder / "model.pth"), MOST_MEMORY)


@tried(80, 8)
@given(edits)
def test_damaged_bytes_of_a_pth_file(folder, damage):
    _assert_pth_read_safely(folder, damaged(PTH.read_bytes(), damage))


@tried(80, 8)
@given(st.sampled_from(sorted(ENTRIES)), edits, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_a_damaged_entry_in_a_sound_archive(folder, entry, damage, compression):
    spoiled = [(name, damaged(data, damage) if name == entry else data) for name, data in ENTRIES.items()]
    _assert_pth_read_safely(folder, _zip(spoiled, compression))


@tried(40, 6)
@given(
    st.sampled_from(sorted(ENTRIES)),
    st.sampled_from(["remove", "rename", "add", "empty"]),
    st.sampled_from(ENTRY_NAMES),
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_with_other_entries(folder, entry, kind, name):
    data, rest = ENTRIES[entry], [other for other in ENTRIES.items() if other[0] != entry]
    new = {"remove": [], "rename": [(name, data)], "add": [(entry, data), (name, data)], "empty": [(entry, b"")]}
    _assert_pth_read_safely(folder, _zip(rest + new[kind]))


@tried(80, 8)
@given(edits)
def test_a_damaged_pickle_in_the_old_format(folder, damage):
    stream = io.BytesIO()
    torch.save(_content(), stream, _use_new_zipfile_serialization=False)
    _assert_pth_read_safely(folder, damaged(stream.getvalue(), damage))


CALLS = {
    "os.system": b"cos\nsystem\n(S'touch outside'\ntR.",
    "builtins.eval": b'c__builtin__\neval\n(S\'open("outside","w")\'\ntR.',
    "subprocess.Popen": b"csubprocess\nPopen\n(S'true'\ntR.",
    "a getattr": b"c__builtin__\ngetattr\n(ctorch\nload\nS'__globals__'\ntR.",
    "a nested load": b"ctorch.storage\n_load_from_bytes\n(S'x'\ntR.",
    "a Namespace's build": b"cargparse\nNamespace\n)\x81}S'__class__'\ncos\nsystem\nsb.",
    "a memo that is not there": b"\x80\x02h\xff.",
    "an endless depth": b"\x80\x02" + b"(" * 200_000 + b"t" * 200_000 + b".",
    "a long integer": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"\1",
    "a long text": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_calls_something_is_refused(folder, call, zipped):
    entries = [(name, CALLS[call] if name.endswith("data.pkl") else data) for name, data in ENTRIES.items()]
    outcome = _assert_pth_read_safely(folder, _zip(entries) if zipped else CALLS[call])
    assert isinstance(outcome, ModelUnavailable)


TEXTS = (
    "AsymmetricCroCo3DStereo(enc_depth=__import__('os').system('touch outside'))",
    "__import__('os').system('touch outside')",
    "AsymmetricCroCo3DStereo(**open('outside', 'w').__dict__)",
    "AsymmetricCroCo3DStereo(enc_depth=(lambda: 2)())",
    "AsymmetricCroCo3DStereo(enc_depth=[x for x in (1,)][0])",
    "AsymmetricCroCo3DStereo(enc_depth=9**9**9)",
    "AsymmetricCroCo3DStereo(enc_depth=f'{open(1)}')",
    "AsymmetricCroCo3DStereo(enc_depth=2) or exit()",
    "AsymmetricCroCo3DStereo" + "(" * 5000,
    "AsymmetricCroCo3DStereo(a=" + "-" * 15_000 + "1)",
    "AsymmetricCroCo3DStereo(a=" + "[" * 90 + "]" * 90 + ")",
    "AsymmetricCroCo3DStereo(enc_depth=" + "9" * 10_000 + ")",
    "\0" * 100,
    "(" * 20_001,
)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:40].replace("\0", "0"))
def test_a_description_with_code_is_refused(folder, text):
    content = _content()
    content["args"] = argparse.Namespace(model=text)
    torch.save(content, folder / "text.pth")
    outcome = assert_read_safely(KIND, folder.parent, lambda: _load(folder / "text.pth"), MOST_MEMORY)
    assert isinstance(outcome, ModelUnavailable) and len(str(outcome)) < 1000


def test_an_archive_that_swells_is_refused_or_stays_small(folder):
    swollen = [(name, bytes(1 << 30) if name.endswith("data/0") else data) for name, data in ENTRIES.items()]
    _assert_pth_read_safely(folder, _zip(swollen, zipfile.ZIP_DEFLATED))


def test_a_network_of_the_largest_numbers_is_refused_in_time(folder):
    largest = CONFIG | {"enc_embed_dim": 16384, "enc_depth": 256, "dec_embed_dim": 16384, "dec_depth": 256}
    assert isinstance(_assert_weights_read_safely(folder, WEIGHTS, largest), ModelUnavailable)
    assert isinstance(_assert_weights_read_safely(folder, WEIGHTS, largest | {"mlp_ratio": 16384}), ModelUnavailable)


def test_a_pickle_beside_the_weights_is_never_opened(folder):
    class Trap:
        def __reduce__(self):
            return open, (str(folder / "ran"), "w")

    for name in ("pytorch_model.bin", "config.pkl", "model.pt"):
        (folder / name).write_bytes(pickle.dumps(Trap()))
    assert isinstance(_assert_weights_read_safely(folder, WEIGHTS), LoadedModel)
    assert not (folder / "ran").exists()
