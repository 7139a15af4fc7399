"""Odd arguments, streams and limits: each call ends at once, in one sentence or in silence."""

import argparse
import errno
import importlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dust3r.cli import main as cli
from dust3r.cli.parser import make_parser
from dust3r.cli.streams import mend_streams, put
from dust3r.core.errors import InputError, ReconstructionError
from dust3r.core.images.reader import find_photos
from dust3r.core.runtime import memory
from dust3r.core.settings import MOST

ROOT = Path(__file__).resolve().parents[2]
ODD_NUMBERS = {
    float: ("nan", "inf", "-inf", "1e999", "one", "1,5"),
    int: ("1e3", "nan", "1.5", str(MOST + 1), "9" * 5000),
}


def _verbs() -> dict[str, argparse.ArgumentParser]:
    (verbs,) = [action for action in make_parser("p")._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(verbs.choices)


def _refuse(kind: type, text: str) -> int:
    """How many arguments of this type there are, all verbs together, once all have refused a text."""
    count = 0
    for verb, parser in _verbs().items():
        for action in parser._actions:
            if action.type is kind:
                with pytest.raises(argparse.ArgumentError):
                    parser._get_value(action, text)
                    pytest.fail(f"{verb}: {action.dest} took {text[:20]}")
                count += 1
    return count


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in ODD_NUMBERS.items() for text in texts])
def test_no_verb_takes_what_is_no_number_of_ours(kind, text):
    assert _refuse(kind, text) > 5


@pytest.mark.skipif(sys.platform == "win32", reason="other limits, and links need a privilege there")
def test_no_verb_takes_a_path_that_cannot_be_looked_up(tmp_path):
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    for text in ("a" * 300, str(circle), str(circle / "in" / "it")):
        assert _refuse(Path, text) > 30


def test_a_path_where_nothing_is_or_can_be_is_taken(tmp_path):
    (tmp_path / "file").touch()
    parser = _verbs()["report"]
    (folder,) = [action for action in parser._actions if action.type is Path]
    for text in (tmp_path / "new" / "er", tmp_path / "file" / "in it"):
        assert parser._get_value(folder, str(text)) == text


def test_a_model_of_too_long_a_name_is_not_there(run, tmp_path):
    photo = ROOT / "samples" / "studio" / "images" / "studio_01.jpg"
    code, _, said = run("reconstruct", photo, "--cameras", tmp_path / "c.json", "--model", "m" * 300)
    assert code == 3 and said.startswith("There is no model 'mmm")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("call", [("keyframes", "--output", "o.txt", "--list"), ("train", "--output", "run")])
def test_a_pipe_for_a_list_or_a_recipe_is_refused_and_not_waited_for(run, tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    code, _, said = run(*call, "pipe")
    assert code == 2 and "pipe" in said and "no regular file" in said and said.count("\n") == 1


def test_what_the_system_refuses_of_a_path_is_wrong_input_and_our_own_defects_are_not():
    refused = cli._explain(PermissionError(errno.EACCES, "Permission denied", "/locked"))
    assert isinstance(refused, InputError)
    assert str(refused) == "/locked cannot be used (Permission denied); check the path and its permissions"
    assert "Unexpected FileNotFoundError" in str(cli._explain(FileNotFoundError(errno.ENOENT, "No such file", "x")))


def test_a_folder_of_photos_that_may_not_be_listed_is_named(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); check the path and its permissions"):
        find_photos([tmp_path])


def test_whoever_reads_no_more_does_not_end_the_work():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        for _ in range(3):
            put("a line\n", stream)
        assert os.path.samestat(os.fstat(stream.fileno()), Path(os.devnull).stat())  # what follows goes nowhere


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_for_the_output_is_said_once():
    with Path("/dev/full").open("w") as stream:
        with pytest.raises(ReconstructionError, match=r"cannot be written \(No space left"):
            put("a line\n", stream)
        put("another\n", stream)


def test_characters_that_the_output_lacks_are_written_as_escapes(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    mend_streams()
    put("größe \udcff\n", sys.stdout)
    assert written.getvalue() == rb"gr\xf6\xdfe \udcff" + os.linesep.encode()


@pytest.mark.skipif(sys.platform == "win32", reason="no file numbers are handed on there")
def test_streams_that_the_caller_has_closed_are_opened_before_any_file_gets_their_numbers():
    closed = f"exec '{sys.executable}' headless.py models <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", closed], cwd=ROOT, timeout=60).returncode == 0


def test_a_library_that_there_is_no_room_for_is_not_loaded(monkeypatch):
    monkeypatch.setattr(memory, "LOADING", {"library_that_is_large": 2 << 30})
    monkeypatch.setattr(memory, "_room", lambda: 1 << 30)
    with cli._room_first(), pytest.raises(ReconstructionError, match=r"takes 2048 MB .* leaves 1024 MB; raise the lim"):
        importlib.import_module("library_that_is_large")
    with pytest.raises(ModuleNotFoundError):  # nobody looks any more
        importlib.import_module("library_that_is_large")
    for room in (2 << 30, None):
        monkeypatch.setattr(memory, "_room", lambda room=room: room)
        memory.check_room("library_that_is_large")
    memory.check_room("another")


def test_torch_and_blender_need_room():
    assert set(memory.LOADING) == {"torch", "bpy"}
