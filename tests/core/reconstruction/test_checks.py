"""Names and poses from files are taken only where they can be what we write there."""

import pytest
from dust3r.core.io.validation import check_name


@pytest.mark.parametrize(
    "name", ["..", "../a.jpg", "a/../../b.jpg", "a\\..\\b.jpg", "/a.jpg", "C:\\a.jpg", "C:a.jpg", "\\a"]
)
def test_a_name_that_leads_to_another_folder_on_any_system_is_refused(name):
    with pytest.raises(ValueError, match="leads out of the folder"):
        check_name(name)


@pytest.mark.parametrize("name", ["", None, 3, "a\0b", "x" * 4097])
def test_what_no_file_can_be_called_is_refused(name):
    with pytest.raises(ValueError, match="no photo's name"):
        check_name(name)


@pytest.mark.parametrize("name", ["a.jpg", "left/a.jpg", "..a.jpg", "a..jpg", "été 写真.png", "x" * 4096])
def test_a_name_within_the_folder_is_taken(name):
    check_name(name)
