"""What --help says: every verb and every option in words, each default once."""

import argparse
import re

import pytest
from dust3r.cli.parser import VERBS, make_parser


def verbs():
    (found,) = [
        action for action in make_parser("headless.py")._actions if isinstance(action, argparse._SubParsersAction)
    ]
    return found


def options(parser):
    return [action for action in parser._actions if action.help != argparse.SUPPRESS and action.dest != "help"]


def test_every_verb_that_there_is_is_listed_in_words():
    assert set(verbs().choices) == set(VERBS)
    for one in verbs()._choices_actions:
        assert one.help and not one.help.endswith("."), one.dest
        assert verbs().choices[one.dest].description == f"{one.help[0].upper()}{one.help[1:]}."


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_of_a_verb_is_explained(verb):
    for option in options(verbs().choices[verb]):
        name = option.option_strings or option.dest
        assert option.help, f"{name} says nothing"
        assert not option.help.endswith("."), name


@pytest.mark.parametrize("verb", VERBS)
def test_help_states_a_default_once_and_never_none(verb):
    parser = verbs().choices[verb]
    said = " ".join(parser.format_help().split())
    assert not re.search(r"default: (None|False|True|\(|<)", said)
    for option in options(parser):
        entry = parser._get_formatter()._expand_help(option)
        assert entry.count("default:") <= 1, entry


def test_the_front_page_says_where_to_read_on_and_what_exit_codes_mean(run):
    code, said, _ = run("--help")
    assert code == 0
    assert "docs/README.md" in said and "Exit codes" in said
