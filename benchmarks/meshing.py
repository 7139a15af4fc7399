"""Seconds and memory of meshes of the sample studio and of repeated photos: writes benchmarks/results/meshing.md."""

import json
import os
import platform
import runpy
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPEATS = (1, 6)  # times the eight photos: what many photos of one place cost
KINDS = ("grid", "fused")


def measure(kind: str, repeats: int) -> dict[str, float]:
    """One run in this process: seconds of each stage, and what memory grew by."""
    sys.path.insert(0, str(ROOT / "tools" / "figures"))
    from dataclasses import replace

    from studio import ours, true_reconstruction

    whole = true_reconstruction()
    views = tuple(replace(view, name=f"{k} {view.name}") for k in range(repeats) for view in whole.views)
    whole, before = replace(whole, views=views), ours("core.runtime.memory").peak_memory()
    marks: list[tuple[str, float]] = []

    def report(stage: str, done: int, total: int) -> None:
        if not marks or marks[-1][0] != stage:
            marks.append((stage, time.process_time()))

    meshes, _ = ours("core.meshing.meshes").make_meshes(
        whole, ours("core.meshing.settings").MeshSettings(kind=kind), report
    )
    ends = [moment for _, moment in marks[1:]] + [time.process_time()]
    found = {stage: end - begin for (stage, begin), end in zip(marks, ends, strict=True)}
    found |= {"faces": sum(len(mesh.faces) for mesh in meshes), "photos": len(views)}
    return found | {"MB": (ours("core.runtime.memory").peak_memory() - before) / 1e6}


def main() -> None:
    rows = []
    for kind in KINDS:
        for repeats in REPEATS:
            command = [sys.executable, __file__, kind, str(repeats)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            photos, faces, megabytes = (found.pop(name) for name in ("photos", "faces", "MB"))
            stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in found.items())
            total = sum(found.values())
            rows.append(f"| {kind} | {photos:.0f} | {faces:.0f} | {total:.1f} | {stages} | {megabytes:.0f} |")
    head = "| kind | photos | faces | CPU s | of them | MB more |\n|---|---|---|---|---|---|\n"
    text = (
        f"# Meshes\n\n{platform.machine()} CPU, one thread. The eight photos of `samples/studio` (512 x 384) with\n"
        "their true depth, once and several times over; settings as they come, texture included.\n"
        f"Memory is what the process grew by. Made by `benchmarks/meshing.py`.\n\n{head}" + "\n".join(rows) + "\n"
    )
    (ROOT / "benchmarks" / "results" / "meshing.md").write_text(text)
    print(text)


if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    runpy.run_path(str(ROOT / "headless.py"))["import_package"]()
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
