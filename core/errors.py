"""What can go wrong in a way the user can mend: one clear sentence each, and the exit code it ends with."""

from collections.abc import Sequence


class ReconstructionError(Exception):
    """A failure whose message says what was found, where, and what to do."""

    exit_code = 1


class InputError(ReconstructionError):
    """Photos, files or arguments that cannot be used as they are."""

    exit_code = 2


class ModelUnavailable(ReconstructionError):
    """A model that is not on this machine, or is not what it says it is; with the verb that gets it, if one does."""

    exit_code = 3

    def __init__(self, sentence: str = "", verb: str = "") -> None:
        super().__init__(sentence)
        self.verb = verb


class Cancelled(ReconstructionError):
    """The user asked to stop."""

    exit_code = 4

    def __init__(self, message: str = "Cancelled; nothing was changed") -> None:
        super().__init__(message)


def first_line(error: BaseException) -> str:
    """What a library's error says, short enough for a sentence; its kind where it says nothing."""
    lines = str(error).splitlines()
    return lines[0][:160] if lines else type(error).__name__


LISTED = 5  # names in one sentence before it is cut short


def listed(names: Sequence[str]) -> str:
    """The names with commas, cut short after a few."""
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")
