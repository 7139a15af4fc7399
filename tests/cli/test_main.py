"""The command line: what it makes, and the exit code and sentence for whatever goes wrong."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from dust3r.core.jobs.job import Job
from dust3r.core.jobs.messages import ErrorMessage, ProgressMessage, ResultMessage, decode
from dust3r.core.settings import ReconstructionSettings
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STUDIO = ROOT / "samples" / "studio" / "images"
SMALL = ROOT / "models" / "small"
ROUGH = "rough: this network was trained on synthetic scenes"
HEADLESS = [sys.executable, str(ROOT / "headless.py")]


@pytest.fixture(scope="module")
def photos() -> list[str]:
    return [str(path) for path in sorted(STUDIO.iterdir())[:3]]


def _reconstruct(photos, *more):
    return ("reconstruct", *photos, "--model", SMALL, "--iterations", 5, "--cameras-from", "network", *more)


def test_photos_become_cameras_and_points(run, photos, tmp_path):
    code, out, _ = run(*_reconstruct(photos, "--cameras", tmp_path / "c.json", "--points", tmp_path / "p.ply"))
    assert code == 0
    cameras = json.loads((tmp_path / "c.json").read_text())
    assert set(cameras) == {"photos", "model", "licence", "synthetic", "settings", "version", "world"}
    assert list(cameras["photos"]) == [Path(photo).name for photo in photos]
    for photo, camera in zip(photos, cameras["photos"].values(), strict=True):
        with Image.open(photo) as image:
            assert (camera["width"], camera["height"]) == image.size
        K, pose = np.array(camera["K"]), np.array(camera["cam2world"])
        assert K[0, 0] == K[1, 1] > 0
        assert K[:2, 2].tolist() == [camera["width"] / 2, camera["height"] / 2]
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-9)
        assert camera["confidence"] >= 1
    assert (tmp_path / "p.ply").stat().st_size > 10_000
    assert out.splitlines()[-4].endswith("p.ply")
    assert out.splitlines()[-3].startswith("Cameras: bad, the photos agree on 0 of 3; add photos")
    assert out.splitlines()[-2:] == [ROUGH, "The focal length of 3 of 3 photos is a guess"]
    assert cameras["synthetic"] and {camera["focal_source"] for camera in cameras["photos"].values()} == {"network"}


def test_cameras_come_from_the_photos_unless_something_else_is_said(run, photos, tmp_path):
    code, out, _ = run("reconstruct", *photos, "--model", SMALL, "--iterations", 5, "--cameras", tmp_path / "c.json")
    assert code == 0 and out.splitlines()[-2] == "Cameras: good, the photos agree on all of them"
    cameras = json.loads((tmp_path / "c.json").read_text())["photos"].values()
    assert {camera["evidence"]["source"] for camera in cameras} == {"photos"}


def test_the_same_input_gives_the_same_cameras(run, photos, tmp_path):
    for name in ("a.json", "b.json"):
        assert run(*_reconstruct(photos[:2], "--cameras", tmp_path / name, "--seed", 3))[0] == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_one_photo_works(run, photos, tmp_path):
    assert run(*_reconstruct(photos[:1], "--cameras", tmp_path / "c.json"))[0] == 0
    (camera,) = json.loads((tmp_path / "c.json").read_text())["photos"].values()
    np.testing.assert_array_equal(camera["cam2world"], np.eye(4))


def test_two_identical_photos_work(run, photos, tmp_path):
    copy = tmp_path / "the same.jpg"
    copy.write_bytes(Path(photos[0]).read_bytes())
    code, *_ = run(*_reconstruct([photos[0], copy], "--cameras", tmp_path / "c.json"))
    assert code == 0
    cameras = json.loads((tmp_path / "c.json").read_text())["photos"].values()
    assert np.isfinite([camera["cam2world"] for camera in cameras]).all()


def test_a_bad_photo_among_good_ones_is_named_and_left_out(run, photos, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(Path(photos[0]).read_bytes()[:3000])
    code, out, _ = run(*_reconstruct([*photos[:2], tmp_path / "broken.jpg"], "--cameras", tmp_path / "c.json"))
    assert code == 0
    assert "broken.jpg" in next(line for line in out.splitlines() if line.startswith("Warning"))
    assert len(json.loads((tmp_path / "c.json").read_text())["photos"]) == 2


def test_progress_as_json_ends_with_the_result(run, photos, tmp_path):
    target = tmp_path / "c.json"
    code, out, _ = run(*_reconstruct(photos, "--cameras", target, "--json-progress"))
    messages = [decode(line) for line in out.splitlines()]
    shares = [message.share for message in messages if isinstance(message, ProgressMessage)]
    assert code == 0
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert messages[-1] == ResultMessage(str(target))


def test_quiet_says_nothing(run, photos, tmp_path):
    assert run(*_reconstruct(photos[:2], "--cameras", tmp_path / "c.json", "--quiet")) == (0, "", "")


def test_a_kept_job_folder_holds_recipe_result_and_log(run, photos, tmp_path):
    assert run(*_reconstruct(photos[:2], "--job", tmp_path / "job"))[0] == 0
    job = Job.load(tmp_path / "job")
    assert [str(photo) for photo in job.photos] == photos[:2]
    assert (tmp_path / "job" / "result" / "reconstruction.json").is_file()
    assert "done: 2 photos" in (tmp_path / "job" / "log.txt").read_text()


def test_the_networks_raw_output_is_written_in_float32(run, photos, tmp_path):
    code, *_ = run("predict", *photos[:2], "--model", SMALL, "--output", tmp_path / "pair.npz")
    assert code == 0
    with np.load(tmp_path / "pair.npz") as pair:
        assert set(pair) == {"points_i", "points_j", "confidence_i", "confidence_j"}
        assert {array.dtype for array in pair.values()} == {np.dtype(np.float32)}
        assert pair["points_i"].shape == (*pair["confidence_i"].shape, 3)
        assert pair["confidence_i"].min() >= 1


def test_pair_predictions_from_elsewhere_are_aligned(run, tmp_path, golden):
    import runpy

    synthetic = runpy.run_path(str(golden / "synthetic_pairs.py"))
    scene = synthetic["make_scene"](3, (112, 80), seed=1)
    pairs = synthetic["make_pairs"](scene, synthetic["complete_edges"](3), "low", seed=1)
    synthetic["save"](tmp_path / "pairs.npz", scene, pairs)
    outputs = ("--cameras", tmp_path / "c.json", "--points", tmp_path / "p.ply", "--timings", tmp_path / "t.json")
    code, *_ = run("align", tmp_path / "pairs.npz", *outputs)
    assert code == 0
    cameras = json.loads((tmp_path / "c.json").read_text())["photos"]
    assert list(cameras) == ["0", "1", "2"]
    for camera, focal in zip(cameras.values(), scene["focals"], strict=True):
        assert camera["K"][0][0] == pytest.approx(focal, rel=0.03)
    timings = json.loads((tmp_path / "t.json").read_text())
    assert set(timings) == {"align_cpu_s", "align_wall_s", "peak_rss_mb", "loss"}
    assert all(value > 0 for value in timings.values())


def test_models_lists_licence_size_and_presence(run):
    code, out, _ = run("models")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert {"512_dpt", "512_linear", "da3_base", "da3_small", "224_linear", "small"} == set(lines)
    assert "present" in lines["small"]
    assert "CC BY-NC-SA 4.0" in lines["512_dpt"]
    assert json.loads(run("models", "--json")[1])[-1]["present"] is True


@pytest.mark.parametrize("arguments", [["--help"], ["reconstruct", "--help"], ["--version"]])
def test_help_is_an_answer_not_an_error(run, arguments):
    code, out, _ = run(*arguments)
    assert code == 0
    assert out


def _bad_inputs(tmp_path: Path) -> dict[str, tuple[list[object], int, str]]:
    """name -> (arguments, exit code, what the sentence names)."""
    photo, cameras = STUDIO / "studio_01.jpg", ("--cameras", tmp_path / "c.json")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "model").mkdir()
    (tmp_path / "junk.pth").write_bytes(b"junk")
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGB", (20000, 300)).save(tmp_path / "strip.png")
    one = ["reconstruct", photo, *cameras]
    return {
        "nothing": ([], 2, "VERB"),
        "unknown verb": (["paint"], 2, "paint"),
        "unknown option": ([*one, "--paint"], 2, "--paint; see headless.py reconstruct --help"),
        "no photos": (["reconstruct"], 2, "PHOTOS"),
        "no output": (["reconstruct", photo], 2, "--output"),
        "missing photo": (["reconstruct", tmp_path / "gone.jpg", *cameras], 2, "gone.jpg"),
        "empty folder": (["reconstruct", tmp_path / "empty", *cameras], 2, "empty"),
        "no photo inside": (["reconstruct", tmp_path / "text.jpg", *cameras], 2, "text.jpg"),
        "one pixel": (["reconstruct", tmp_path / "dot.png", *cameras], 2, "dot.png"),
        "a strip": (["reconstruct", tmp_path / "strip.png", *cameras], 2, "strip.png"),
        "unknown graph": ([*one, "--scene-graph", "circle"], 2, "circle"),
        "reference that is not there": (["reconstruct", STUDIO, *cameras, "--scene-graph", "oneref-9"], 2, "oneref-9"),
        "negative iterations": ([*one, "--iterations", -1], 2, "iterations"),
        "iterations in words": ([*one, "--iterations", "many"], 2, "many"),
        "confidence below one": ([*one, "--min-confidence", 0.5], 2, "--min-confidence"),
        "cuda without cuda": ([*one, "--device", "cuda"], 2, "cuda"),
        "output that is no .blend": ([*one, "--output", tmp_path / "scene.obj"], 2, "scene.obj"),
        "output under a file": (["reconstruct", photo, "--cameras", tmp_path / "text.jpg" / "c.json"], 2, "c.json"),
        "output that is a folder": (["reconstruct", photo, "--points", tmp_path / "empty"], 2, "empty"),
        "unknown model": ([*one, "--model", "gpt"], 3, "gpt"),
        "model not downloaded": ([*one, "--model", "512_dpt", "--models-folder", tmp_path], 3, "download"),
        "empty model folder": ([*one, "--model", tmp_path / "model"], 3, "model"),
        "junk checkpoint": ([*one, "--model", tmp_path / "junk.pth"], 3, "junk.pth"),
        "predict without output": (["predict", photo, photo], 2, "--output"),
        "align of a photo": (["align", tmp_path / "dot.png", *cameras], 2, "dot.png"),
        "work without a job": (["work", tmp_path / "empty"], 2, "job.json"),
        "plan without a folder": (["plan", photo], 2, "--job"),
        "infer without a job": (["infer", tmp_path / "empty"], 2, "job.json"),
        "a part beyond the parts": (["infer", tmp_path / "empty", "--shard", "4/3"], 2, "4/3"),
        "align without a job": (["align", tmp_path / "empty"], 2, "job.json"),
        "align of pairs without output": (["align", tmp_path / "dot.png"], 2, "--cameras"),
        "import without a result": (["import", tmp_path / "empty", *cameras], 2, "run the job again"),
        "import without output": (["import", tmp_path / "empty"], 2, "--output"),
        "unknown precision": ([*one, "--precision", "double"], 2, "double"),
        "download of nothing known": (["models", "--download", "gpt"], 3, "gpt"),
    }


CASES = [
    "nothing",
    "unknown verb",
    "unknown option",
    "no photos",
    "no output",
    "missing photo",
    "empty folder",
    "no photo inside",
    "one pixel",
    "a strip",
    "unknown graph",
    "reference that is not there",
    "negative iterations",
    "iterations in words",
    "confidence below one",
    "cuda without cuda",
    "output that is no .blend",
    "output under a file",
    "output that is a folder",
    "unknown model",
    "model not downloaded",
    "empty model folder",
    "junk checkpoint",
    "predict without output",
    "align of a photo",
    "work without a job",
    "plan without a folder",
    "infer without a job",
    "a part beyond the parts",
    "align without a job",
    "align of pairs without output",
    "import without a result",
    "import without output",
    "unknown precision",
    "download of nothing known",
]


def test_every_bad_input_is_tried(tmp_path):
    assert set(_bad_inputs(tmp_path)) == set(CASES)


@pytest.mark.parametrize("case", CASES)
def test_bad_input_ends_with_its_code_and_one_sentence_that_names_it(run, tmp_path, case):
    arguments, expected, named = _bad_inputs(tmp_path)[case]
    if case == "cuda without cuda" and __import__("torch").cuda.is_available():
        pytest.skip("this machine has CUDA")
    before = sorted(tmp_path.rglob("*"))
    code, _, err = run(*arguments)
    assert code == expected, err
    assert named in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom the system can refuse")
def test_no_permission_is_known_before_the_work(run, photos, tmp_path):
    tmp_path.chmod(0o500)
    code, _, err = run(*_reconstruct(photos, "--cameras", tmp_path / "c.json"))
    tmp_path.chmod(0o700)
    assert code == 2
    assert "ermission" in err


def test_a_defect_of_ours_ends_with_1_and_the_logs_path(run, photos, tmp_path, monkeypatch):
    from dust3r.core.jobs import run as worker

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(worker, "load_model", broken)
    code, _, err = run(*_reconstruct(photos, "--cameras", tmp_path / "c.json"))
    assert code == 1
    log = Path(err.strip().rsplit(" ", 1)[-1])
    assert "ZeroDivisionError: a defect" in log.read_text()
    log.unlink()


def _start(*arguments: object, **more) -> subprocess.Popen:
    command = [*HEADLESS, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def _until_progress(process: subprocess.Popen) -> None:
    for line in process.stdout:
        if isinstance(decode(line), ProgressMessage):
            return


def test_an_interrupt_cancels_with_4_and_writes_nothing(photos, tmp_path):
    process = _start(*_reconstruct([STUDIO], "--cameras", tmp_path / "c.json", "--json-progress"))
    _until_progress(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert decode(out.splitlines()[-1]) == ErrorMessage(err.strip(), 4)
    assert list(tmp_path.iterdir()) == []


def test_a_supervised_worker_ends_with_its_supervisor(photos, tmp_path):
    Job(tuple(map(Path, photos)), SMALL, ReconstructionSettings()).save(tmp_path)
    process = _start("work", tmp_path, "--json-progress", "--supervised", stdin=subprocess.PIPE)
    _until_progress(process)
    process.stdin.close()
    assert process.wait(timeout=30) == 4
    assert not (tmp_path / "result").exists()
