"""What was found out about the worker's Python since Blender began; the preferences show it."""

from dataclasses import dataclass

from ...core.runtime.probe import Runtime


@dataclass(frozen=True, slots=True)
class Finding:
    """What one Python has, or why it cannot do the work."""

    python: str | None  # the interpreter; None: Blender's own
    runtime: Runtime | None
    problem: str = ""  # one sentence; "" where there is none


_last: Finding | None = None


def remember(finding: Finding) -> None:
    """Keep what was found, in place of what was found before."""
    global _last
    _last = finding


def finding_of(python: str | None) -> Finding | None:
    """What was found out about this interpreter; None where nobody has looked since another was chosen."""
    return _last if _last is not None and _last.python == python else None
