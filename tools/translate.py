"""Bring a translation up to date: what the interface says now, with the translations that the file has already.

usage: .venv/bin/python tools/translate.py locale/de_DE.po     (a new language: a new file, named as Blender names it)

New messages are added with an empty translation, in the order of the alphabet; what the interface no longer says goes.
Where Blender has a translation of its own it wins: a label that Blender uses for something else gets the context DUSt3R
(translation_context, bl_translation_context, text_ctxt).
"""

from __future__ import annotations

import argparse
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
CONTEXTS = {"name": "translation_context", "text": "text_ctxt"}  # keywords that give those a context
LISTS = {"flaws": "FLAWS", "export.settings": "ALL_FORMATS"}  # of core: things to choose from
MARKS = {"tip_", "rpt_", "iface_"}  # pgettext, by the names that Blender's own code gives it
HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
Key = tuple[str, str]  # context, message

sys.path.insert(0, str(ROOT))

from headless import import_package  # noqa: E402


def messages(root: Path = ROOT) -> set[Key]:
    """All that the modules of the interface show, as far as it stands in them as a constant."""
    found: set[Key] = set()
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                found |= {(context, text) for context, text in _shown_by(node) if text.strip()}
    for path in (path for room in ("core", "training") for path in sorted((root / room).rglob("*.py"))):
        module = ast.parse(path.read_text(encoding="utf-8"))
        found |= {(DEFAULT, text) for text in (*_stages(module), *_said(module))}
    presets = {path.stem.replace("_", " ") for path in (root / "presets").rglob("*.py")}
    return found | {(DEFAULT, text) for text in presets | _listed()}


def _listed() -> set[str]:
    """Titles and notes of what core lists, and the notes of known models, whose titles are names."""
    import_package()
    lists = [getattr(importlib.import_module(f"dust3r.core.{room}"), name) for room, name in LISTS.items()]
    known = importlib.import_module("dust3r.core.checkpoints.catalogue").KNOWN_MODELS
    listed = [one for catalogue in lists for one in catalogue.values()]
    return {text for one in listed for text in (one.title, one.note)} | {model.note for model in known}


def _stages(module: ast.Module) -> Iterator[str]:
    """Names of stages that core reports while it works: constants that report() gets, or the keys of STAGES."""
    reported = {
        node.args[0].id
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "report"
        if node.args and isinstance(node.args[0], ast.Name)
    }
    for name, value in _assigned(module):
        if (name in reported or name == "STAGE") and _text(value):
            yield _text(value)
        elif name == "STAGES" and isinstance(value, ast.Dict):
            yield from (_text(key) for key in value.keys if key is not None and _text(key))


def _said(module: ast.Module) -> Iterator[str]:
    """What core lets its caller translate, say("..."), before figures are put in."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say" and node.args:
            yield _text(node.args[0])


def _assigned(module: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    """Name and value of each constant of a module or class, also where one line assigns several."""
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
    said = {name: _text(value) for name, value in _assigned(node)}
    if "bl_label" in said:
        yield said.get("bl_translation_context", OPERATOR if is_operator else DEFAULT), said["bl_label"]
    yield DEFAULT, said.get("bl_description", "")


def _arguments(node: ast.Call) -> Iterator[Key]:
    function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    usual = OPERATOR if function.startswith("operator") else DEFAULT
    given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    for name in SHOWN & given.keys():
        context = _text(given[CONTEXTS[name]]) if CONTEXTS.get(name) in given else usual
        yield from ((context, text) for text in _texts(given[name]))
    if function in MARKS and node.args and (text := _text(node.args[0])):
        yield DEFAULT, text


def _choice(parts: list[str]) -> Iterator[Key]:
    """A choice of an enum: (identifier, name, description, …); the identifier may be a constant's name."""
    if all(parts[1:3]) and parts[1][0].isupper():  # else some other list of names
        yield from ((DEFAULT, part) for part in parts[1:3])


def _texts(node: ast.expr) -> list[str]:
    """The constant, or both of `... if ... else ...`."""
    return [_text(part) for part in ([node.body, node.orelse] if isinstance(node, ast.IfExp) else [node])]


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("translation", type=Path, metavar="FILE.po", help="read, and written anew")
    path = parser.parse_args().translation
    sys.path.insert(0, str(ROOT / "operators" / "addon"))
    read_po = importlib.import_module("translation").read_po

    wanted = messages()
    known = read_po(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_po(path, wanted, known)
    done = len(wanted & known.keys())
    print(f"{path}: {done} of {len(wanted)} messages are translated, {len(known.keys() - wanted)} are gone")


if __name__ == "__main__":
    main()
