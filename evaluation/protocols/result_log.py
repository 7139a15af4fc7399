"""What has been examined so far, a line for each task, so that a run that was broken off goes on."""

import json
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.io.atomic import check_writable, replacing
from .task import Figures, Task

Key = tuple[str, str]  # group and name of a task


class ResultLog:
    """Figures by task; in a file where there is a path, which is begun anew only where there is none."""

    def __init__(self, path: Path | None, recipe: dict[str, Any]) -> None:
        """recipe: all that decides the figures; raises InputError where the file was made by another, or is none."""
        self._path, self._known = path, dict[Key, Figures]()
        if path is None:
            return
        check_writable(path)
        recipe = json.loads(json.dumps(recipe))  # as it reads back
        if path.is_file():
            self._read(path, recipe)
        else:
            self._write({"recipe": recipe})

    def get(self, task: Task) -> Figures | None:
        """None where it was not examined."""
        return self._known.get((task.group, task.name))

    def put(self, task: Task, figures: Figures) -> None:
        """Keep a task's figures; raises InputError when the file cannot be written."""
        self._known[task.group, task.name] = figures
        self._write({"group": task.group, "name": task.name, "figures": figures})

    def _write(self, entry: dict[str, Any]) -> None:
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            raise InputError(f"Cannot write {self._path}: {error.strerror or error}; free some space") from error

    def _read(self, path: Path, recipe: dict[str, Any]) -> None:
        """A last line that was broken off is none."""
        try:
            head, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            if json.loads(head)["recipe"] != recipe:
                raise InputError(f"{path} has results of other data, model or settings; remove it or name another file")
            whole = [json.loads(line) for line in lines if line.endswith("\n")]
            self._known = {(one["group"], one["name"]): one["figures"] for one in whole}
            if lines and not lines[-1].endswith("\n"):
                with replacing(path) as file:
                    file.write("".join([head, *lines[:-1]]).encode())
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} holds no results of a protocol ({error}); remove it or name another file"
            ) from error
