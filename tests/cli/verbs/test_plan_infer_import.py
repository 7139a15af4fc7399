"""A job in steps: parts run at once as plain processes, one killed and started again, and as a Flamenco job type."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dust3r.cli.main import main
from dust3r.core.jobs.job import load_result
from dust3r.core.jobs.messages import ProgressMessage, decode
from dust3r.core.scene_graph.edges import make_edges
from dust3r.core.scene_graph.shard import Shard
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
STUDIO = ROOT / "samples" / "studio" / "images"
SMALL = ROOT / "models" / "small"
HEADLESS = [sys.executable, str(ROOT / "headless.py")]
JOB_TYPE = ROOT / "farm" / "dust3r_reconstruction.js"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no node on this machine to run the Flamenco job type with")


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Ten photos, six chunks of pairs: the studio's, and a part of two of them."""
    folder = tmp_path_factory.mktemp("photos")
    for number, path in enumerate(sorted(STUDIO.iterdir())):
        shutil.copy(path, folder)
        if number % 4:
            continue
        with Image.open(path) as photo:
            width, height = photo.size
            photo.crop((width // 8, height // 8, width, height)).save(folder / f"part_of_{path.stem}.png")
    return folder


def _run(*arguments: object) -> None:
    assert main([*map(str, arguments), "--quiet"]) == 0


def _plan(photos: Path, job: Path, graph: str = "complete") -> None:
    recipe = ("--model", SMALL, "--scene-graph", graph, "--iterations", 5, "--cameras-from", "network")
    _run("plan", photos, "--job", job, *recipe)


def _start(job: Path, shard: str) -> subprocess.Popen[str]:
    command = [*HEADLESS, "infer", str(job), "--shard", shard, "--json-progress"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _kill_midway(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        message = decode(line)
        if isinstance(message, ProgressMessage) and message.stage == "Predicting pairs" and message.done > 0:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def _same(a: Path, b: Path) -> bool:
    fields = ("cam2world", "K", "depth", "confidence", "colors", "mask")
    pairs = list(zip(load_result(a).views, load_result(b).views, strict=True))
    return all(np.array_equal(getattr(x, name), getattr(y, name)) for x, y in pairs for name in fields)


@pytest.mark.skipif(sys.platform == "win32", reason="signal 9 is POSIX's")
@pytest.mark.parametrize("graph", ["complete", "auto"])
def test_three_parts_at_once_one_killed_and_restarted_end_as_one_run_does(graph, photos, tmp_path):
    _plan(photos, tmp_path / "farm", graph)
    parts = [_start(tmp_path / "farm", f"{k}/3") for k in (1, 2, 3)]
    _kill_midway(parts[1])
    parts[1] = _start(tmp_path / "farm", "2/3")
    for part in parts:
        part.communicate()
        assert part.returncode == 0
    _run("align", tmp_path / "farm")
    _plan(photos, tmp_path / "alone", graph)
    _run("align", tmp_path / "alone")
    assert _same(tmp_path / "farm", tmp_path / "alone")


def test_parts_are_disjoint_and_make_the_whole():
    edges = make_edges(11)
    for parts in (1, 3, 50):
        found = [edge for k in range(parts) for chunk in Shard(k + 1, parts).chunks(edges) for edge in chunk]
        assert sorted(found) == sorted(edges)


def test_more_parts_than_edges_leave_all_but_the_first_without_any_and_take_no_time():
    edges = make_edges(9)
    part = Shard.parse(f"{10**11}/{10**12}")
    assert part.chunks(edges) == []
    assert [turn.number for turn in part.turns(edges)] in ([1, 2, 3, 4, 5], [4, 5, 1, 2, 3], [5, 1, 2, 3, 4])
    assert sum(len(chunk) for turn in part.turns(edges) for chunk in turn.chunks(edges)) == len(edges)
    assert Shard(2, 3).turns(edges) == [Shard(2, 3), Shard(3, 3), Shard(1, 3)]
    assert part.turns([]) == []


def test_an_added_photo_leaves_the_chunks_before_it_as_they_were():
    before, after = (Shard().chunks(make_edges(count)) for count in (9, 10))
    assert after[: len(before) - 1] == before[:-1]


@pytest.mark.parametrize("arguments", [["--seed", 3], ["--points", "p.ply"]])
def test_a_job_takes_its_settings_from_plan_alone(arguments, photos, tmp_path, capsys):
    _plan(photos, tmp_path)
    assert main(["align", str(tmp_path), *map(str, arguments)]) == 2
    assert "plan" in capsys.readouterr().err


def _compile(**settings: object) -> dict:
    command = [str(NODE), str(ROOT / "tests" / "flamenco_manager.js"), str(JOB_TYPE), json.dumps(settings)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@needs_node
def test_the_flamenco_job_type_orders_its_tasks():
    compiled = _compile(photos="/photos", job_folder="/job", model="/model", output="/scene.blend", shards=3)
    needs = {task["name"]: task["dependencies"] for task in compiled["tasks"]}
    parts = ["infer 1/3", "infer 2/3", "infer 3/3"]
    assert needs == {"plan": [], **{part: ["plan"] for part in parts}, "align": parts, "import": ["align"]}
    assert {task["type"] for task in compiled["tasks"]} == {"blender"}
    assert {setting["type"] for setting in compiled["type"]["settings"]} <= {"string", "int32", "float", "bool"}


@needs_node
def test_the_flamenco_job_plans_with_what_is_known():
    needed = {"photos": "/p", "job_folder": "/j", "model": "/m", "output": "/s.blend"}
    for given in ({}, {"known": "/k.json"}, {"known": "/k.json", "masks": "/masks"}):
        (command,) = _compile(**needed, **given)["tasks"][0]["commands"]
        added = [part for name, value in given.items() for part in (f"--{name}", value)]
        assert command["parameters"]["args"][-1 - len(added) : -1] == added
        assert ("--known" in command["parameters"]["args"]) == ("known" in given)


@needs_node
@pytest.mark.parametrize("wrong", [{"output": "/scene.obj"}, {"shards": 0}])
def test_the_flamenco_job_type_says_what_is_wrong(wrong):
    compiled = _compile(**{"photos": "/p", "job_folder": "/j", "model": "/m", "output": "/s.blend", **wrong})
    assert str(next(iter(wrong.values()))) in compiled["error"]
    assert compiled["tasks"] == []


@needs_node
def test_the_flamenco_jobs_commands_make_the_scene(tmp_path):
    pytest.importorskip("bpy", reason="no bpy to write the scene with")
    scene, photos = tmp_path / "scene.blend", tmp_path / "photos"
    photos.mkdir()
    for path in sorted(STUDIO.iterdir())[:4]:  # small ones: the cameras and surfaces are the network's
        with Image.open(path) as photo:
            photo.reduce(4).save(photos / path.name)
    given = {"photos": str(photos), "job_folder": str(tmp_path / "job"), "model": str(SMALL), "output": str(scene)}
    done: list[str] = []
    for task in _compile(**given, scene_graph="swin-1", shards=2)["tasks"]:
        assert set(task["dependencies"]) <= set(done)
        for command in task["commands"]:
            parameters = command["parameters"]
            assert (command["name"], parameters["exe"]) == ("exec", "{blender}")
            assert parameters["args"][:2] == ["--command", "dust3r"]
            subprocess.run([*HEADLESS, *parameters["args"][2:]], check=True)
        done.append(task["name"])
    assert scene.stat().st_size > 100_000
