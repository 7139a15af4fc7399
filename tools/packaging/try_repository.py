"""Install the extension from a repository through Blender's own commands, use it, and take it away again.

usage: .venv/bin/python tools/packaging/try_repository.py URL COMMAND...
       URL: of index.json, as that Blender sees it; COMMAND: starts a Blender whose settings may be changed, such as
       env BLENDER_USER_RESOURCES=EMPTY_FOLDER blender

Exit status 0 only if every step did what it should.
"""

from __future__ import annotations

import subprocess
import sys

REPOSITORY = "dust3r_trial"
IS_REGISTERED = "import bpy; print('registered:', hasattr(bpy.types, 'DUST3R_OT_reconstruct'))"
# arguments of `blender --command extension`, and what has to be among the words that it says
STEPS = (
    (("repo-add", REPOSITORY, "--name", "DUSt3R trial", "--url", "{url}"), ""),
    (("repo-list",), REPOSITORY),
    (("sync",), ""),
    (("list",), "DUSt3R"),
    (("install", f"{REPOSITORY}.dust3r", "--enable"), ""),
    (("list",), "[installed]"),
)
END = ((("remove", f"{REPOSITORY}.dust3r"), ""), (("repo-remove", REPOSITORY), ""))


def say(command: list[str]) -> tuple[int, str]:
    """Exit status and words of one run of Blender."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode, "\n".join(line for line in lines if not line.startswith("PROGRESS"))


def try_repository(url: str, blender: list[str]) -> int:
    """Every step in turn, each in a Blender of its own; the number of those that failed."""
    failures = 0

    def check(name: str, command: list[str], expected: str) -> None:
        nonlocal failures
        status, words = say([*blender, *command])
        good = status == 0 and expected in words
        failures += not good
        print(
            f"{'ok     ' if good else 'FAILED '} {name}" + ("" if good else f", status {status}:\n{words}"), flush=True
        )

    def check_commands(steps: tuple[tuple[tuple[str, ...], str], ...]) -> None:
        for arguments, expected in steps:
            filled = [argument.format(url=url) for argument in arguments]
            check(" ".join(filled), ["--online-mode", "--command", "extension", *filled], expected)

    registered = ["--background", "--python-exit-code", "3", "--python-expr", IS_REGISTERED]
    check_commands(STEPS)
    check("a new session has it enabled", registered, "registered: True")
    check("its command line answers", ["--command", "dust3r", "models"], "small")
    check_commands(END)
    check("a new session has nothing of it", registered, "registered: False")
    return failures


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    failed = try_repository(sys.argv[1], sys.argv[2:])
    print("all steps passed" if failed == 0 else f"{failed} steps failed")
    sys.exit(failed > 0)
