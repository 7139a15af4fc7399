"""Bring a translation up to date: what the interface says now, with the translations that the file has already.

usage: .venv/bin/python tools/translate.py locale/de_DE.po     (a new language: a new file, named as Blender names it)

New messages are added with an empty translation, in the order of the alphabet; what the interface no longer says goes.
"""

from __future__ import annotations

import ast
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("operators", "panels")
OPERATOR, DEFAULT = "Operator", "*"  # contexts, as Blender names them
SHOWN = {"name", "description", "text", "heading"}  # keywords whose strings are shown
MARKS = {"tip_", "rpt_", "iface_"}  # pgettext, by the names that Blender's own code gives it
HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
Key = tuple[str, str]  # context, message


def messages(root: Path = ROOT) -> set[Key]:
    """All that the modules of the interface show, as far as it stands in them as a constant."""
    found: set[Key] = set()
    for room in ROOMS:
        for path in sorted((root / room).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                found |= {(context, text) for context, text in _shown_by(node) if text.strip()}
    for path in sorted((root / "core").rglob("*.py")):
        found |= {(DEFAULT, stage) for stage in _stages(ast.parse(path.read_text(encoding="utf-8")))}
    return found


def _stages(module: ast.Module) -> Iterator[str]:
    """Names of stages that core reports while it works: constants that report() gets, or the keys of STAGES."""
    reported = {
        node.args[0].id
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "report"
        if node.args and isinstance(node.args[0], ast.Name)
    }
    for name, value in _assigned(module):
        if name in reported and _text(value):
            yield _text(value)
        elif name == "STAGES" and isinstance(value, ast.Dict):
            yield from (_text(key) for key in value.keys if key is not None and _text(key))


def _assigned(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Name and value of each constant of a module, also where one line assigns several."""
    for line in module.body:
        if isinstance(line, ast.Assign):
            target, value = line.targets[0], line.value
            several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(_parts(target), _parts(value), strict=True) if several else [(target, value)]
            yield from ((one.id, its) for one, its in pairs if isinstance(one, ast.Name))


def _parts(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else []


def _shown_by(node: ast.AST) -> Iterator[Key]:
    if isinstance(node, ast.ClassDef):
        yield from _labels(node)
    elif isinstance(node, ast.Call):
        yield from _arguments(node)
    elif isinstance(node, ast.Tuple) and len(node.elts) in (3, 4, 5):
        yield from _choice([_text(part) for part in node.elts])


def _labels(node: ast.ClassDef) -> Iterator[Key]:
    """bl_label, bl_description, and the docstring that is an operator's tooltip."""
    is_operator = "_OT_" in node.name
    if is_operator:
        yield DEFAULT, (ast.get_docstring(node) or "")
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            name, text = line.targets[0].id, _text(line.value)
            if text and name in ("bl_label", "bl_description"):
                yield (OPERATOR if is_operator and name == "bl_label" else DEFAULT), text


def _arguments(node: ast.Call) -> Iterator[Key]:
    function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    context = OPERATOR if function.startswith("operator") else DEFAULT
    for keyword in node.keywords:
        if keyword.arg in SHOWN and (text := _text(keyword.value)):
            yield context, text
    if function in MARKS and node.args and (text := _text(node.args[0])):
        yield DEFAULT, text


def _choice(parts: list[str]) -> Iterator[Key]:
    """A choice of an enum: (identifier, name, description, …); the identifier may be a constant's name."""
    if all(parts[1:3]) and parts[1][0].isupper():  # else some other list of names
        yield from ((DEFAULT, part) for part in parts[1:3])


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def write_po(path: Path, wanted: set[Key], known: dict[Key, str]) -> None:
    """Write every wanted message with its known translation, or with none."""
    entries = [HEADER]
    for context, message in sorted(wanted, key=lambda key: (key[1].lower(), key)):
        line = f"msgctxt {_quoted(context)}\n" if context != DEFAULT else ""
        translation = known.get((context, message), "")
        entries.append(f"{line}msgid {_quoted(message)}\nmsgstr {_quoted(translation)}\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(entries), encoding="utf-8")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def main() -> None:
    path = Path(sys.argv[1])
    sys.path.insert(0, str(ROOT / "operators"))
    read_po = importlib.import_module("translation").read_po

    wanted = messages()
    known = read_po(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_po(path, wanted, known)
    done = len(wanted & known.keys())
    print(f"{path}: {done} of {len(wanted)} messages are translated, {len(known.keys() - wanted)} are gone")


if __name__ == "__main__":
    main() if len(sys.argv) == 2 else sys.exit(__doc__)
