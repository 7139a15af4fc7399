"""Presets, tooltips, reasons for greyed-out buttons, search, manual pages and translations."""

import importlib
import json
import sys
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import bpy  # isort: skip  it brings addon_utils
import addon_utils
import pytest
from dust3r.tests.test_docs import anchors

ROOT = Path(__file__).resolve().parents[2]
MODULE = "bl_ext.user_default.dust3r"
sys.path.insert(0, str(ROOT / "tools"))

import translate  # noqa: E402


@pytest.fixture
def classes(extension) -> list[type]:
    """Every operator and property group of ours, the preferences too."""
    names = [name for name in dir(bpy.types) if name.startswith(("DUST3R_OT_", "DUST3R_PG_", "DUST3R_AP_"))]
    return [getattr(bpy.types, name) for name in names]


@pytest.fixture
def operators(classes) -> list[type]:
    return [cls for cls in classes if "_OT_" in cls.__name__]


def _module(name: str):
    return importlib.import_module(f"{MODULE}.{name}")


def _preset(name: str) -> Path:
    return ROOT / "presets" / "dust3r" / f"{name}.py"


def _values(settings) -> dict:
    return {name: getattr(settings, name) for name in _module("operators.addon.presets").VALUES}


# Presets


def test_a_preset_brings_back_what_was_saved_and_leaves_model_device_and_masks_alone(extension):
    extension.iterations, extension.scene_graph, extension.window, extension.shared_focal = 7, "swin", 4, "exif"
    assert bpy.ops.dust3r.add_preset(name="Mine") == {"FINISHED"}
    saved = _values(extension)
    extension.iterations, extension.scene_graph, extension.shared_focal = 70, "complete", "off"
    extension.device, extension.masks = "cpu", "/masks"
    path = bpy.utils.preset_find("Mine", "dust3r")
    assert bpy.ops.script.execute_preset(filepath=path, menu_idname="DUST3R_PT_presets") == {"FINISHED"}
    assert _values(extension) == saved
    assert (extension.device, extension.masks) == ("cpu", "/masks")
    assert bpy.ops.dust3r.add_preset(name="Mine", remove_name=True) == {"FINISHED"}
    assert not Path(path).exists()


@pytest.mark.parametrize("path", sorted(_preset("x").parent.glob("*.py")), ids=lambda path: path.stem)
def test_every_shipped_preset_is_found_and_sets_every_value_of_a_preset(extension, path):
    assert bpy.utils.preset_find(path.stem, "dust3r") is not None
    names = _module("operators.addon.presets").VALUES
    lines = [line.split(" = ")[0] for line in path.read_text(encoding="utf-8").splitlines()[3:]]
    assert lines == [f"settings.{name}" for name in names]
    before = _values(extension)
    assert bpy.ops.script.execute_preset(filepath=str(path), menu_idname="DUST3R_PT_presets") == {"FINISHED"}
    assert _values(extension) != before
    _module("operators.addon.properties").read_settings(extension)  # raises for what no reconstruction takes


def test_shipped_presets_change_only_what_they_are_for(extension):
    defaults = _values(extension)
    cropped = {"optimize_principal_point", "exif_focal"}  # a crop has another diagonal than EXIF speaks of
    for name, changed in (("Quick_Look", {"iterations"}), ("Cropped_or_Scanned_Photos", cropped)):
        bpy.ops.script.execute_preset(filepath=str(_preset(name)), menu_idname="DUST3R_PT_presets")
        assert {key for key, value in _values(extension).items() if value != defaults[key]} == changed


# Tooltips


def _own_properties(cls: type) -> list:
    ours = [base for base in cls.__mro__ if base.__module__.startswith(MODULE)]
    own = {name for base in ours for name in base.__dict__.get("__annotations__", {})}
    return [prop for prop in _rna(cls).properties if prop.identifier in own and not prop.is_hidden]


def _rna(cls: type):
    """What Blender shows of a class; of an operator, not the instance's."""
    name = cls.__name__.partition("_OT_")[2]
    return getattr(bpy.ops.dust3r, name).get_rna_type() if name else cls.bl_rna


def test_every_operator_says_what_it_does(operators):
    for cls in operators:
        assert _is_tooltip(_rna(cls).description), f"{cls.__name__}: {_rna(cls).description!r}"


def test_every_property_and_choice_says_what_it_is(classes):
    wrong = []
    for cls in classes:
        for prop in _own_properties(cls):
            choices = prop.enum_items if prop.type == "ENUM" else ()
            texts = {prop.identifier: prop.description} | {item.name: item.description for item in choices}
            wrong += [f"{cls.__name__}.{name}: {text!r}" for name, text in texts.items() if not _is_tooltip(text)]
    assert not wrong, "\n".join(wrong)


def _is_tooltip(text: str) -> bool:
    """As Blender writes them: a capital first, no full stop."""
    return bool(text) and not text[0].islower() and text[-1] not in ".!?: "


def test_labels_are_in_title_case(classes):
    small = {"a", "and", "as", "at", "for", "from", "in", "of", "on", "or", "per", "the", "this", "to", "with"}
    for cls in classes:
        for label in (_rna(cls).name, *(prop.name for prop in _own_properties(cls))):
            words = label.split()
            assert all(word[0].isupper() or not word[0].isalpha() or word in small for word in words), (
                f"{cls.__name__}: {label}"
            )


# Greyed-out buttons


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_button_that_is_off_says_why(operators, is_busy, monkeypatch):
    if is_busy:
        monkeypatch.setattr(_module("operators.jobs.running"), "_current", object())
    for cls in operators:
        operator = getattr(bpy.ops.dust3r, cls.__name__.partition("_OT_")[2])
        if not operator.poll():
            with pytest.raises(RuntimeError, match=r"poll\(\) (?!failed, context is incorrect)"):
                operator()


# Search


def test_the_search_menu_has_every_operator_that_is_for_people(operators):
    found = {name for _, name in _module("panels.addon").searchable_operators()}
    assert {"dust3r.reconstruct", "dust3r.add_photos", "dust3r.look_through_photo"} <= found
    assert "dust3r.add_preset" not in found
    assert len(found) == sum("INTERNAL" not in getattr(cls, "bl_options", ()) for cls in operators)


def test_there_are_no_default_key_bindings(extension):
    configurations = bpy.context.window_manager.keyconfigs
    for configuration in (configurations.addon, configurations.default):
        for keymap in configuration.keymaps if configuration else ():
            assert not [item.idname for item in keymap.keymap_items if item.idname.startswith("dust3r.")]


# The manual


def _page(name: str) -> Path:
    """The file that F1 opens."""
    url = bpy.types.WM_OT_doc_view_manual._lookup_rna_url(name, verbose=False)
    assert url is not None, f"{name} has no page"
    return Path(url2pathname(urlparse(url).path))


def test_f1_leads_from_everything_of_ours_to_a_page_that_is_there(classes, operators):
    for cls in classes:
        names = [f"bpy.types.{cls.__name__}.{prop.identifier}" for prop in _own_properties(cls)]
        if cls in operators:
            names = [f"bpy.ops.dust3r.{cls.__name__.partition('_OT_')[2]}"]
        for name in names:
            assert _page(name).is_file(), f"{name}: {_page(name)}"


def test_every_page_of_the_map_is_there_and_every_pattern_of_use(extension):
    for pattern, page in _module("operators.addon.manual").PAGES:
        path, _, section = page.partition("#")
        assert (ROOT / "docs" / path).is_file(), pattern
        assert not section or section in anchors(ROOT / "docs" / path), pattern
        assert pattern == pattern.lower()


def test_blenders_own_pages_stay_its_own(extension):
    url = bpy.types.WM_OT_doc_view_manual._lookup_rna_url("bpy.types.camera.lens", verbose=False)
    assert url.startswith("https://docs.blender.org/")


def test_switched_off_nothing_of_it_is_left(extension):
    addon_utils.disable(MODULE, default_set=True)
    assert bpy.utils.preset_find("Quick_Look", "dust3r") is None
    assert bpy.types.WM_OT_doc_view_manual._lookup_rna_url("bpy.ops.dust3r.export", verbose=False) is None
    drawn = getattr(bpy.types.VIEW3D_MT_object.draw, "_draw_funcs", ())
    assert not [function for function in drawn if function.__module__.startswith(MODULE)]


# Translations

LOCALES = sorted((ROOT / "locale").glob("*.po"))


def _read(path: Path) -> dict:
    return _module("operators.addon.translation").read_po(path.read_text(encoding="utf-8"))


def test_there_is_a_translation(extension):
    assert "de_DE" in _module("operators.addon.translation").read_locales()


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_a_translation_fits_what_the_interface_says(extension, path):
    translated = _read(path)
    gone = translated.keys() - translate.messages()
    assert len(gone) <= len(translated) // 10, f"run tools/translate.py {path.name}: these are gone: {gone}"
    for (_, message), translation in translated.items():
        assert message.count("{") == translation.count("{"), message
        assert (message[-1] in ".!?") == (translation[-1] in ".!?"), message


def test_a_po_file_is_read_with_contexts_comments_and_long_lines(extension):
    header, untranslated = '# c\nmsgid ""\nmsgstr "header"\n', 'msgid "E"\nmsgstr ""\n'
    entry = 'msgctxt "Operator"\nmsgid "A \\"b\\""\nmsgstr "C "\n"d"\n'
    text = "\n".join((header, entry, untranslated))
    assert _module("operators.addon.translation").read_po(text) == {("Operator", 'A "b"'): "C d"}


def test_a_line_that_no_po_file_has_is_named(extension):
    with pytest.raises(ValueError, match="line 2"):
        _module("operators.addon.translation").read_po('msgid "A"\nmsgstr A\n')


@pytest.mark.parametrize(
    "key",
    [
        ("Operator", "Reconstruct"),
        ("DUSt3R", "Reverse"),  # Blender's own translation of it means undo
        ("DUSt3R", "Mesh"),
        ("*", "Maximum"),  # text=... if ... else ...
        ("*", "Floaters"),
        ("*", "Far outside the scene, and no other photo confirms it"),
        ("*", "Aligning"),
        ("*", "{} of {} photos connected"),
        ("*", "Video or Walk"),
        ("*", "The most accurate; the published default"),
    ],
)
def test_what_the_interface_and_core_show_can_be_translated(key):
    assert key in translate.messages()


def test_bringing_a_translation_up_to_date_keeps_what_is_translated(extension, tmp_path):
    path, known = tmp_path / "xx.po", {("*", "Photos"): "Bilder"}
    translate.write_po(path, translate.messages(), known)
    assert _read(path) == known
    assert json.dumps("Reconstruct") in path.read_text(encoding="utf-8")
