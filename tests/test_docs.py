"""The documentation holds together: every page is in the index, every link leads somewhere, every picture is made."""

import re

import pytest

from .conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
MOST_PAGES = 15
LINKING = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "models/small/README.md", "tools/window/README.md")),
    *PAGES,
]
INDEX = DOCS / "README.md"
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Pictures that something else than tools/figures/<name>.py makes.
MADE_BY = {
    "alignment_calibration.png": "benchmarks/alignment_calibration.py",
    "demo.png": "tools/demo.py",
    "gallery_buddha.jpg": "tools/figures/gallery.py",
    "gallery_studio.jpg": "tools/figures/gallery.py",
    "photo_list.jpg": "tools/window/photos.py",
    "running.jpg": "tools/window/interruptions.py",
    "training_curves.png": "training/plot.py",
    "window.jpg": "tools/window/tour.py",
}
SOURCES = [
    path
    for folder in (
        "cli",
        "core",
        "operators",
        "panels",
        "farm",
        "tools",
        "training",
        "evaluation",
        "benchmarks",
        "configs",
    )
    for path in (ROOT / folder).rglob("*.*")
    if path.suffix in {".py", ".js", ".toml"}
]


def links(page):
    """The files that a page links to."""
    targets = [target.split("#")[0] for target in LINK.findall(page.read_text(encoding="utf-8"))]
    return [page.parent / target for target in targets if target and "://" not in target]


def anchors(page):
    """The fragments that a page's headings give it, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = [re.sub(r"\]\([^)]*\)|[`*\[]", "", title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page):
    assert [str(target) for target in links(page) if not target.exists()] == []


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_anchor_that_a_page_links_to_is_a_heading(page):
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if anchor and "://" not in path:
            target = page.parent / path if path else page
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_is_in_the_index_once_and_the_index_in_the_readme():
    listed = [target.resolve() for target in links(INDEX) if target.suffix == ".md" and target.parent == DOCS]
    assert sorted(listed) == [page for page in PAGES if page != INDEX]
    assert INDEX in links(ROOT / "README.md")
    assert len(PAGES) <= MOST_PAGES


def test_every_picture_is_shown_and_has_the_script_that_makes_it():
    pictures = {path for path in (DOCS / "images").iterdir() if path.suffix in {".png", ".jpg"}}
    shown = {target for page in (ROOT / "README.md", *PAGES) for target in links(page)}
    assert {path.name for path in pictures - shown} == set()
    for picture in pictures:
        script = ROOT / MADE_BY.get(picture.name, f"tools/figures/{picture.stem}.py")
        assert script.is_file(), f"nothing makes {picture.name}"
        assert picture.name in MADE_BY or picture.name in script.read_text(encoding="utf-8")


def test_every_page_that_a_message_or_a_help_names_is_there():
    named = {name for path in SOURCES for name in re.findall(r"docs/(\w+\.md)", path.read_text(encoding="utf-8"))}
    assert named
    assert sorted(name for name in named if not (DOCS / name).is_file()) == []


def test_every_place_that_the_changelog_says_modules_moved_to_exists():
    rows = re.findall(r"^\| `[^|]+ \| (.+) \|$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 20
    for row in rows:
        package, *names = re.findall(r"`([\w./]+)`", row)
        assert (ROOT / package).exists(), row
        if ": " in row:
            missing = [name for name in names if not list((ROOT / package).glob(f"{name}*")) and name != "load_model"]
            assert missing == [], row


def test_every_module_that_a_figure_script_loads_by_name_exists():
    named = re.compile(r'"(?:dust3r\.)?((?:benchmarks|cli|core|evaluation|operators|training)(?:\.(?!png|jpg)\w+)+)"')
    for script in (ROOT / "tools" / "figures").glob("*.py"):
        for module in named.findall(script.read_text(encoding="utf-8")):
            path = ROOT.joinpath(*module.split("."))
            assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), f"{script.name}: {module}"
