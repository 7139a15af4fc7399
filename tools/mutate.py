"""Mutation testing: change one operator, constant or statement at a time and see whether a test fails.

usage: .venv/bin/python tools/mutate.py [PACKAGE ...] [--sample 40] [--seed 1] [--files core/geometry/pnp.py ...]

The packages and their tests are in PACKAGES below. The tests of a package run once, traced, to learn which of them
execute which lines. Then every mutant of the sample gets a forked process that compiles the changed module in place of
the one on disk (no file is written) and runs the tests that execute the changed line, the quickest first, until one
fails. A mutant counts as killed where a test fails or the CPU time runs out. Mutants that change no behaviour are
listed with the reason in tools/equivalent_mutants.toml, not run, and counted separately. Tests that start another
process do not see the change there. Needs os.fork (Linux, macOS).
"""

import argparse
import importlib
import importlib.machinery
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest
from mutants import ROOT, Mutant, mutants

EQUIVALENT = ROOT / "tools" / "equivalent_mutants.toml"
PRELOADED = ("numpy", "torch", "scipy.optimize", "scipy.spatial", "scipy.sparse.csgraph", "PIL.Image", "hypothesis")
SCENE_TESTS = (
    "scene_cameras",
    "scene_parts",
    "scene_points",
    "free_space",
    "private_scene",
    "map_cameras",
    "points_nodes",
    "scene_blocks",
    "scene_output",
    "scene_reading",
    "scene_marks",
    "scene_looking",
    "clip_frames",
    "camera_path",
    "cleanup",
    "known",
    "arrival",
    "map_views",
    "mesh",
    "world",
    "export",
    "movie_frames",
    "photos",
    "result",
    "training_views",
    "localize",
)  # those that need no other process


class Package(NamedTuple):
    """Glob patterns below the root: the files that are changed, and the tests that should notice."""

    sources: Sequence[str]
    tests: Sequence[str]


PACKAGES = {
    "geometry": Package(["core/geometry/*.py"], ["tests/core/geometry/test_*.py"]),
    "cameras": Package(
        ["core/cameras/*.py", "core/images/exif.py", "core/images/pixel_mapping.py"],
        ["tests/core/cameras/test_*.py", "tests/core/images/test_exif.py", "tests/core/images/test_pixel_mapping.py"],
    ),
    "alignment": Package(["core/alignment/*.py"], ["tests/core/alignment/test_*.py"]),
    "export": Package(
        ["core/export/*.py"], ["tests/core/export/test_*.py", "tests/core/localization/test_matching.py"]
    ),
    "scene": Package(["operators/scene/*.py"], [f"tests/blender/test_{name}.py" for name in SCENE_TESTS]),
}


class Test(NamedTuple):
    seconds: float  # of CPU, traced
    lines: Mapping[str, Sequence[int]]  # executed, by path


class _Tracer:
    """A pytest plugin: the CPU time of every test and the lines of some files that it executes, to a JSON file."""

    def __init__(self, paths: Sequence[str], target: Path) -> None:
        self._paths = {str(ROOT / path): path for path in paths}
        self._target, self._tests, self._failed = target, {}, set()
        self._seen: dict[str, set[int]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._seen, begun = {}, time.process_time()
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            lines = {path: sorted(lines) for path, lines in self._seen.items()}
            self._tests[item.nodeid] = time.process_time() - begun, lines

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self._target.write_text(json.dumps([self._tests, sorted(self._failed)]))

    def _trace(self, frame: Any, event: str, argument: Any) -> Any:
        path = self._paths.get(_real(frame.f_code.co_filename))
        if path is None:
            return None
        add = self._seen.setdefault(path, set()).add
        add(frame.f_lineno)

        def line(frame: Any, event: str, argument: Any) -> Any:
            add(frame.f_lineno)
            return line

        return line


class _Chosen:
    """A pytest plugin: these tests alone, in this order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._place = {name: place for place, name in enumerate(names)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._place]
        items[:] = sorted(chosen, key=lambda item: self._place[item.nodeid])


@cache
def _real(path: str) -> str:
    return os.path.realpath(path)


def _in_child(temporary: Path, files: Sequence[str], plugin: object, mutant: Mutant | None, seconds: float) -> int:
    """Fork a process that runs tests; its id. It ends with pytest's exit status, or killed after `seconds` of CPU."""
    child = os.fork()
    if child:
        return child
    try:
        _run_tests(temporary, files, plugin, mutant, seconds)
    finally:
        os._exit(70)


def _run_tests(
    temporary: Path, files: Sequence[str], plugin: object, mutant: Mutant | None, seconds: float
) -> NoReturn:
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(int(20 * seconds))  # a child that sleeps
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    os.environ["TMPDIR"] = tempfile.tempdir = tempfile.mkdtemp(dir=temporary)
    if mutant is not None:
        _import_changed(mutant)
    arguments = ["-x", "-q", "-p", "no:cacheprovider"] if mutant is not None else ["-q", "-p", "no:cacheprovider"]
    os._exit(int(pytest.main([*arguments, *files], plugins=[plugin])))


def _import_changed(mutant: Mutant) -> None:
    """From now on an import of the mutant's file gets the changed module."""
    changed, place = compile(mutant.tree(), str(ROOT / mutant.path), "exec"), str(ROOT / mutant.path)
    loader = importlib.machinery.SourceFileLoader
    plain = loader.get_code
    loader.get_code = lambda self, fullname: changed if _real(self.path) == place else plain(self, fullname)


def measured(package: Package, paths: Sequence[str], temporary: Path) -> dict[str, Test]:
    """The package's tests that pass, with what they execute of these files."""
    files = [str(path.relative_to(ROOT)) for glob in package.tests for path in sorted(ROOT.glob(glob))]
    target = temporary / "traced.json"
    os.waitpid(_in_child(temporary, files, _Tracer(paths, target), None, 7200), 0)
    tests, failed = json.loads(target.read_text())
    if failed:
        print(f"left out, since they fail unchanged: {', '.join(failed)}")
    return {name: Test(*test) for name, test in tests.items() if name not in failed}


def chosen_tests(mutant: Mutant, tests: Mapping[str, Test], budget: float) -> dict[str, float]:
    """CPU seconds of the tests that execute the mutant, file by file, the quickest first, within a budget.

    Of what no test executes, an import may be what does: then the tests that execute anything else of the file.
    """
    first, last = mutant.lines if mutant.in_function else (0, sys.maxsize)
    of_file = {name: test for name, test in tests.items() if mutant.path in test.lines}
    hit = {n: t for n, t in of_file.items() if any(first <= k <= last for k in t.lines[mutant.path])} or of_file
    hit = {name: test.seconds for name, test in hit.items()}
    left, chosen = budget, {}
    for name in sorted(hit, key=lambda name: hit[name]):
        if chosen and hit[name] > left:
            break
        chosen[name] = hit[name]
        left -= hit[name]
    files = list(dict.fromkeys(name.split("::")[0] for name in chosen))
    return {name: chosen[name] for file in files for name in chosen if name.split("::")[0] == file}


def outcomes(
    sample: Sequence[Mutant], tests: Mapping[str, Test], temporary: Path, jobs: int, budget: float
) -> Iterator[tuple[Mutant, str]]:
    """How each mutant ended: killed, timed out, survived, or not executed."""
    running: dict[int, Mutant] = {}
    for mutant in [*sample, *[None] * jobs]:
        while running and (mutant is None or len(running) >= jobs):
            child, status = os.wait()
            code = os.waitstatus_to_exitcode(status)
            if code in (5, 70):
                raise RuntimeError(f"no test ran for {running[child]}")
            yield running.pop(child), "survived" if code == 0 else "killed" if code > 0 else "timed out"
        if mutant is None:
            continue
        chosen = chosen_tests(mutant, tests, budget)
        if not chosen:
            yield mutant, "not executed"
            continue
        files = list(dict.fromkeys(name.split("::")[0] for name in chosen))
        limit = 30 + 5 * sum(chosen.values())
        running[_in_child(temporary, files, _Chosen(list(chosen)), mutant, limit)] = mutant


def equivalent() -> set[tuple[str, str, str]]:
    """(path, source line, change) of the mutants that change no behaviour."""
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutant"] if EQUIVALENT.exists() else []
    return {
        (entry["path"], line, change)
        for entry in entries
        for line, change in entry.get("changes") or [(entry["line"], entry["change"])]
    }


def tried(name: str, options: argparse.Namespace, temporary: Path) -> Counter[str]:
    """Try a sample of a package's mutants; prints the survivors."""
    package, known = PACKAGES[name], equivalent()
    package = package._replace(tests=options.tests or package.tests)
    paths = [str(path.relative_to(ROOT)) for glob in package.sources for path in sorted(ROOT.glob(glob))]
    paths = [path for path in paths if not options.files or path in options.files]
    every = sorted((mutant for path in paths for mutant in mutants(path)), key=lambda mutant: mutant.rank(options.seed))
    sample = every[: options.sample or None]
    for path, line, change in sorted(known - {(mutant.path, mutant.source, mutant.change) for mutant in every}):
        if path in paths:
            print(f"{EQUIVALENT.name} lists what is no mutant any more: {path}: {change}\n    {line}")
    same = [mutant for mutant in sample if (mutant.path, mutant.source, mutant.change) in known]
    counts = Counter(all=len(every), equivalent=len(same))
    tests = measured(package, paths, temporary)
    rest = [mutant for mutant in sample if mutant not in same]
    for mutant, outcome in outcomes(rest, tests, temporary, options.jobs, options.budget):
        counts[outcome] += 1
        if outcome not in {"killed", "timed out"}:
            print(f"{outcome}: {mutant.path}:{mutant.line}: {mutant.change}\n    {mutant.source}", flush=True)
    return counts


def main() -> None:
    """Try the packages that the command line names, all without any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=", ".join(PACKAGES))
    parser.add_argument("--sample", type=int, default=40, help="mutants of each package; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", nargs="*", default=[], help="these of the package's files alone")
    parser.add_argument("--tests", nargs="*", default=[], help="globs: these alone, for a quick lower bound")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=1, help="processes at a time")
    parser.add_argument("--budget", type=float, default=30, help="CPU seconds of tests a mutant, traced")
    options = parser.parse_args()
    if unknown := set(options.packages) - set(PACKAGES):
        parser.error(f"no package {', '.join(sorted(unknown))}; choose among {', '.join(PACKAGES)}")
    os.chdir(ROOT)
    for name in PRELOADED:
        importlib.import_module(name)
    table = ["| package | mutants | tried | equivalent | killed | survived | share killed |", "|" + "---|" * 7]
    temporary = Path(tempfile.mkdtemp(prefix="mutants-"))
    try:
        for name in options.packages or PACKAGES:
            counts = tried(name, options, temporary)
            killed, left = counts["killed"] + counts["timed out"], counts["survived"] + counts["not executed"]
            share = f"{100 * killed / max(killed + left, 1):.0f} %"
            cells = (counts["all"], killed + left + counts["equivalent"], counts["equivalent"], killed, left, share)
            table.append(f"| {name} | {' | '.join(map(str, cells))} |")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print("\n".join(table))


if __name__ == "__main__":
    main()
