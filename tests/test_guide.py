"""The guide and the troubleshooting page speak of what is there: names of the interface, sentences of the code."""

import ast
import re

import pytest

from .conftest import ROOT

GUIDE, TROUBLES = (ROOT / "docs" / f"{name}.md" for name in ("start", "troubleshooting"))
SHOWN = {"name", "text", "heading", "bl_label", "bl_category", "title"}  # arguments and class attributes
TITLED = {"Flaw", "Format"}  # records of core whose first field is what lists show
GAP = "…"


def trees(*folders):
    """The syntax trees of all Python files below."""
    return [ast.parse(path.read_text(encoding="utf-8")) for folder in folders for path in (ROOT / folder).rglob("*.py")]


def texts(node):
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def shown_by(node):
    """What a person reads in the interface because of one syntax node: labels, names, titles of choices."""
    if isinstance(node, ast.keyword) and node.arg in SHOWN:
        return texts(node.value)
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in SHOWN | {"INPUTS"}:
        return texts(node.value)
    if isinstance(node, ast.Tuple) and len(node.elts) > 2:  # identifier, title, description of a choice
        return texts(node.elts[1])
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in TITLED:
        return texts(node.args[0])
    return set()


def interface():
    """All that the interface calls by name."""
    parsed = trees("panels", "operators", "core", "core/export")
    presets = {path.stem.replace("_", " ") for path in (ROOT / "presets").rglob("*.py")}
    return presets | {text for tree in parsed for node in ast.walk(tree) for text in shown_by(node)}


def class_values(node):
    """The constants that a class body gives names."""
    given = [part for part in node.body if isinstance(part, ast.Assign)]
    named = [(part.targets[0], part.value) for part in given]
    return {
        name.id: value.value for name, value in named if isinstance(name, ast.Name) and isinstance(value, ast.Constant)
    }


def panels():
    """By class name: the constants of every panel, its own and those of its base classes."""
    nodes = {node.name: node for tree in trees("panels") for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}

    def values(name):
        bases = [base.id for base in nodes[name].bases if isinstance(base, ast.Name) and base.id in nodes]
        inherited = {key: value for base in reversed(bases) for key, value in values(base).items()}
        return inherited | class_values(nodes[name])

    return {name: values(name) for name in nodes if "_PT_" in name}


def template(node):
    """A string as a person would quote it: with a gap where the code puts something in; None for other nodes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = [part.value if isinstance(part, ast.Constant) else GAP for part in node.values]
    return re.sub(f"{GAP}+", GAP, "".join(map(str, parts)))


def quotes():
    """The sentences in the first column of the page's tables."""
    rows = [line for line in TROUBLES.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return [quote for row in rows for quote in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


@pytest.mark.parametrize("page", [GUIDE, TROUBLES], ids=lambda page: page.name)
def test_every_bold_name_is_in_the_interface(page):
    named = set(re.findall(r"\*\*([^*]+)\*\*", page.read_text(encoding="utf-8")))
    assert named
    assert sorted(named - interface()) == []


def test_every_section_that_the_guide_opens_lies_where_it_says():
    found = panels()
    below = {
        (found[panel["bl_parent_id"]]["bl_label"], panel["bl_label"])
        for panel in found.values()
        if "bl_parent_id" in panel
    }
    labels = {panel.get("bl_label") for panel in found.values()}
    opened = re.findall(r"(?=\*\*([^*]+)\*\* › \*\*([^*]+)\*\*)", GUIDE.read_text(encoding="utf-8"))
    assert len(opened) > 8
    assert [pair for pair in opened if set(pair) <= labels and pair not in below] == []


def test_every_quoted_sentence_stands_in_the_source():
    templates = [template(node) for tree in trees("core", "cli", "operators", "panels") for node in ast.walk(tree)]
    said = "\n".join(text.replace("\n", " ") for text in templates if text)
    assert len(quotes()) > 60
    assert [quote for quote in quotes() if not re.search(".*".join(map(re.escape, quote.split(GAP))), said)] == []


@pytest.mark.parametrize("page", [GUIDE, TROUBLES], ids=lambda page: page.name)
def test_a_page_for_artists_names_no_file_of_the_code(page):
    assert re.findall(r"(?:core|operators|panels)/\w+", page.read_text(encoding="utf-8")) == []
