"""Install the extension zip into a fresh Blender, use its packages, switch it off and on, and look for traces.

usage: PYTHON tools/packaging/try_extension.py ZIP                                   (a Python that has bpy)
       BLENDER_USER_RESOURCES=EMPTY_FOLDER blender -b --python tools/packaging/try_extension.py -- ZIP

The user's own Blender settings are never touched. Exit status 0 only if every check passed.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
import sysconfig
import tempfile
import threading
import tomllib
import traceback
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

if "bpy" not in sys.modules:
    os.environ["BLENDER_USER_RESOURCES"] = tempfile.mkdtemp(prefix="try-extension-")

import bpy

addon_utils: Any = importlib.import_module("addon_utils")  # on the path only once bpy is there

REPOSITORY = "user_default"
PACKAGES: dict[str, Callable[[], object]] = {  # a first use of each, since an import alone can hide a missing library
    "torch": lambda: _module("torch").linalg.svdvals(_module("torch").ones(2, 2)),
    "scipy": lambda: _module("scipy.optimize").least_squares(lambda x: x - 1, [0.0]),
    "roma": lambda: _module("roma").special_procrustes(_module("torch").eye(3)),
    "skimage": lambda: _module("skimage.measure").marching_cubes(_module("numpy").eye(3)[None].repeat(3, 0), 0.5),
    "PIL": lambda: _module("PIL.Image").new("RGB", (2, 2)).resize((1, 1)),
    "pillow_heif": lambda: _module("pillow_heif").from_bytes("L", (64, 64), bytes(4096)).save(_module("io").BytesIO()),
    "poselib": lambda: _module("poselib").p3p(_module("numpy").eye(3), _module("numpy").eye(3)),
    # never loaded into the process of Blender
    "pycolmap": lambda: importlib.util.find_spec("pycolmap") or _module("pycolmap"),
    "safetensors": lambda: _module("safetensors.torch").save({"a": _module("torch").ones(1)}),
    "huggingface_hub": lambda: _module("huggingface_hub").HfApi(),
}


@dataclass(frozen=True, slots=True)
class Traces:
    """What an extension can add to a running Blender, as names."""

    types: set[str]
    properties: set[str]  # on types that Blender has without it
    operators: set[str]
    handlers: set[str]
    draw_functions: set[str]  # appended to menus, panels and headers
    keymap_items: set[str]
    threads: set[str]

    def added_since(self, before: Traces) -> dict[str, list[str]]:
        """What is here now and was not before, by kind."""
        added = {field.name: sorted(getattr(self, field.name) - getattr(before, field.name)) for field in fields(self)}
        new_types = set(added["types"])
        added["properties"] = [name for name in added["properties"] if name.split(".")[0] not in new_types]
        return {kind: names for kind, names in added.items() if names}


def _module(name: str) -> Any:
    return importlib.import_module(name)


def traces() -> Traces:
    """What is registered at this moment."""
    return Traces(
        types=set(dir(bpy.types)),
        properties=set(_properties()),
        operators={f"{module}.{name}" for module in dir(bpy.ops) for name in dir(getattr(bpy.ops, module))},
        handlers=set(_handlers()),
        draw_functions=set(_draw_functions()),
        keymap_items=set(_keymap_items()),
        threads={thread.name for thread in threading.enumerate()},
    )


def _properties() -> Iterator[str]:
    for name in dir(bpy.types):
        rna = getattr(getattr(bpy.types, name), "bl_rna", None)
        for key in rna.properties.keys() if rna else ():
            yield f"{name}.{key}"


def _handlers() -> Iterator[str]:
    for name in dir(bpy.app.handlers):
        functions = getattr(bpy.app.handlers, name)
        for function in functions if isinstance(functions, list) else ():
            yield f"{name}: {_name(function)}"


def _draw_functions() -> Iterator[str]:
    for name in dir(bpy.types):
        draw = getattr(getattr(bpy.types, name), "draw", None)
        for function in getattr(draw, "_draw_funcs", ()):
            if not function.__module__.startswith("bl_ui."):  # a menu lists its own drawing once something was appended
                yield f"{name}: {_name(function)}"


def _keymap_items() -> Iterator[str]:
    keymaps = bpy.context.window_manager.keyconfigs.addon
    for keymap in keymaps.keymaps if keymaps else ():
        for item in keymap.keymap_items:
            yield f"{keymap.name}: {item.idname}"


def _name(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', repr(function))}"


class Recorder:
    """Remembers timers and commands, which Blender cannot list, by standing between it and the extension."""

    def __init__(self) -> None:
        self.timers: list[Any] = []
        self.commands: list[Any] = []
        self._register_timer: Callable[..., Any] = bpy.app.timers.register
        self._register_command: Callable[..., Any] = bpy.utils.register_cli_command
        self._unregister_command: Callable[..., Any] = bpy.utils.unregister_cli_command
        bpy.app.timers.register = self.register_timer
        bpy.utils.register_cli_command = self.register_command
        bpy.utils.unregister_cli_command = self.unregister_command

    def register_timer(self, function: Any, **options: Any) -> None:
        self.timers.append(function)
        self._register_timer(function, **options)

    def register_command(self, *arguments: Any) -> Any:
        handle = self._register_command(*arguments)
        self.commands.append(handle)
        return handle

    def unregister_command(self, handle: Any) -> None:
        self._unregister_command(handle)
        self.commands.remove(handle)

    def left(self) -> dict[str, list[str]]:
        """Timers that still run and commands that are still there."""
        timers = [_name(function) for function in self.timers if bpy.app.timers.is_registered(function)]
        commands = [repr(command) for command in self.commands]
        return {kind: names for kind, names in (("timers", timers), ("commands", commands)) if names}


class Trial:
    """One extension in one Blender; every check prints a line."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        with zipfile.ZipFile(archive) as file:
            self.id: str = tomllib.loads(file.read("blender_manifest.toml").decode())["id"]
        self.module = f"bl_ext.{REPOSITORY}.{self.id}"
        self.failures = 0
        extensions = Path(bpy.utils.user_resource("EXTENSIONS"))
        version = sysconfig.get_python_version()
        self.site_packages = extensions / ".local" / "lib" / f"python{version}" / "site-packages"

    def check(self, good: bool, what: str) -> None:
        self.failures += not good
        print(("ok      " if good else "FAILED  ") + what, flush=True)

    def install(self) -> None:
        done = bpy.ops.extensions.package_install_files(
            repo=REPOSITORY, filepath=str(self.archive), enable_on_install=True
        )
        self.check("FINISHED" in done and self.module in sys.modules, f"installed and enabled: {done}")
        self.check("torch" not in sys.modules, "enabling does not load torch into Blender")

    def packages(self) -> None:
        """Import each package and use it once; say whether it came with the zip or with this Python."""
        for name, use in PACKAGES.items():
            try:
                use()
            except Exception as error:  # noqa: BLE001 - any failure is the finding
                self.check(False, f"{name}: {error!r}")
                continue
            package = _module(name)
            origin = "the zip" if self._is_from_zip(package) else "this Python"
            self.check(True, f"{name} {getattr(package, '__version__', '')} from {origin}")
        numpy = _module("numpy")
        self.check(not self._is_from_zip(numpy), f"numpy {numpy.__version__} is Blender's own")

    def _is_from_zip(self, package: Any) -> bool:
        return self.site_packages.resolve() in Path(package.__file__).resolve().parents

    def is_complete(self, before: Traces) -> None:
        operators = [name for name in traces().operators - before.operators if name.startswith(f"{self.id}.")]
        self.check(bool(operators), f"{len(operators)} operators {self.id}.*: {', '.join(sorted(operators))}")

    def disable(self, default_set: bool = False) -> None:
        errors: list[Exception] = []
        addon_utils.disable(self.module, default_set=default_set, handle_error=errors.append)
        self.check(not errors, f"disabled without an error {errors or ''}")

    def enable(self) -> None:
        errors: list[Exception] = []
        module = addon_utils.enable(self.module, default_set=True, handle_error=errors.append)
        self.check(module is not None and not errors, f"enabled again without an error {errors or ''}")

    def leaves_nothing(self, before: Traces, recorder: Recorder) -> None:
        left = traces().added_since(before) | recorder.left()
        self.check(not left, f"no trace is left {left or ''}")

    def uninstall(self) -> None:
        repositories = bpy.context.preferences.extensions.repos
        index = next(i for i, repository in enumerate(repositories) if repository.module == REPOSITORY)
        done = bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id=self.id)
        modules = [name for name in sys.modules if name == self.module or name.startswith(self.module + ".")]
        wheels = sorted(path.name for path in self.site_packages.glob("*.dist-info"))
        self.check("FINISHED" in done and not modules, f"uninstalled, {len(modules)} modules left {modules[:5] or ''}")
        self.check(not wheels, f"the wheels are gone {wheels or ''}")


def run(archive: Path) -> int:
    """Every check on one zip; the number of failures."""
    print(f"{archive.name} in Blender {bpy.app.version_string}, Python {sys.version.split()[0]}", flush=True)
    trial, recorder, before = Trial(archive), Recorder(), traces()
    trial.install()
    trial.is_complete(before)
    trial.disable()
    trial.leaves_nothing(before, recorder)
    for _ in range(2):
        trial.enable()
        trial.is_complete(before)
        trial.disable()
        trial.leaves_nothing(before, recorder)
    trial.enable()
    trial.packages()
    trial.uninstall()
    trial.leaves_nothing(before, recorder)
    print("all checks passed" if trial.failures == 0 else f"{trial.failures} checks failed", flush=True)
    return trial.failures


if __name__ == "__main__":
    status = 3
    try:
        status = 1 if run(Path(sys.argv[-1]).resolve()) else 0
    except Exception:  # noqa: BLE001 - whatever went wrong, show it and end
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        if "try-extension-" in os.environ["BLENDER_USER_RESOURCES"]:
            shutil.rmtree(os.environ["BLENDER_USER_RESOURCES"], ignore_errors=True)
        os._exit(status)  # bpy may hang or crash in its own exit
