"""The one worker that may run at a time, and the operator form that watches it."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_

from ...core.errors import Cancelled, ReconstructionError
from ...core.io.plain_text import plain
from ...core.jobs.process import WorkerJob
from ...core.progress import amount
from ...panels.jobs import draw_status
from ..addon.preferences import worker_python
from ..addon.properties import job_state

INTERVAL = 0.1  # seconds between two looks at the worker
_current: WorkerJob | None = None
_operator: "WorkerOperator | None" = None  # the one that started it

log = logging.getLogger(__name__)


def is_running() -> bool:
    """True while a worker is at work or its result waits to be taken."""
    return _current is not None


def stop() -> None:
    """End the worker, if there is one, and wait until its process is gone. Its operator sees that it was not asked."""
    global _current
    if _current is not None:
        _current.cancel()
        _current.wait()
        _current = None


@bpy.app.handlers.persistent
def stop_before_load(*_: object) -> None:
    """Another file is about to replace the scene that the job was for."""
    stop()


def stop_with_extension() -> None:
    """The extension is about to be switched off: Blender then drops the operator without a word to it."""
    if _operator is not None:
        _operator.cancel(bpy.context)
    stop()


class IdleOperator:
    """An operator for when no worker is at work."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if is_running():
            cls.poll_message_set(tip_("Something is being worked on; wait for it, or cancel it"))  # type: ignore[attr-defined]
            return False
        return True


class WorkerOperator(IdleOperator):
    """A modal operator whose work is one worker process. Subclasses say what follows in `take`.

    The scene is touched in `take` alone, so a job that fails or is cancelled leaves no trace and no undo step.
    """

    _worker: WorkerJob
    _timer: bpy.types.Timer | None = None
    own_python = False  # whether it works in Blender's, whatever the user chose for the worker
    interrupted = False  # Blender ended the job (another file, quitting, the extension switched off), and no person

    def follow(self, context: bpy.types.Context, result: Path) -> bool:
        """Start the next worker, if this one's result is for it alone, and say so; raises ReconstructionError."""
        return False

    def take(self, context: bpy.types.Context, result: Path) -> None:
        """Use the result; raises ReconstructionError when that is not possible."""
        raise AssertionError("every WorkerOperator takes its result")

    def observe(self, context: bpy.types.Context, worker: WorkerJob) -> None:
        """See how the worker comes along, several times a second."""

    def tidy(self, failed: bool) -> None:
        """Remove what the job left on disk; failed: but for what tells why."""

    def start(
        self,
        context: bpy.types.Context,
        arguments: Sequence[str],
        title: str,
        log_path: Path,
        launcher: Sequence[str] | None = None,
    ) -> None:
        """Start the worker (launcher: see WorkerJob); raises ReconstructionError when it cannot be started."""
        global _current, _operator
        python = None if self.own_python else worker_python(context)
        self._worker = _current = WorkerJob(arguments, python, log_path, launcher)
        _operator = self
        state = job_state(context.window_manager)
        state.running, state.title, state.stage, state.share, state.left = True, title, rpt_("Starting"), 0.0, ""
        state.photos = state.problem = ""

    def watch(self, context: bpy.types.Context) -> set[Any]:
        """Go on in the background: `modal` looks at the worker."""
        manager = context.window_manager
        self._timer = manager.event_timer_add(INTERVAL, window=context.window)
        manager.modal_handler_add(self)  # type: ignore[arg-type]
        _redraw(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[Any]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._worker.running:
            self.observe(context, self._worker)
            _show(context, self._worker)
            return {"PASS_THROUGH"}
        return self.finish(context)

    def finish(self, context: bpy.types.Context) -> set[Any]:
        """Wait for the worker and take its result, or go on with the next worker."""
        outcome = self._conclude(context)
        if outcome is None:
            return {"PASS_THROUGH"} if self._timer is not None else self.finish(context)
        return outcome

    def _conclude(self, context: bpy.types.Context) -> set[Any] | None:
        """What the operator returns; None where another worker follows."""
        failed, following, worker = True, False, self._worker
        try:
            result = worker.result()
            following = self.follow(context, result)
            if following:
                return None
            self.take(context, result)
            failed = False
        except Cancelled as cancelled:
            failed, self.interrupted = False, _current is not worker
            self._report("INFO", str(cancelled))
            return {"CANCELLED"}
        except ReconstructionError as error:
            self._report("ERROR", str(error))
            return {"CANCELLED"}
        finally:
            for warning in worker.warnings:
                self._report("WARNING", warning)
            if not following:
                self._end(context, failed)
        return {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: the window closes, or another file loads."""
        self.interrupted = True
        self._worker.cancel()
        self._worker.wait()
        self._end(context, failed=False)

    def _end(self, context: bpy.types.Context, failed: bool) -> None:
        global _current, _operator
        if _current is self._worker:
            _current = None
        if _operator is self:
            _operator = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        state = job_state(context.window_manager)
        state.running, state.photos = False, ""
        self.tidy(failed)
        _redraw(context)

    def _report(self, level: str, text: str) -> None:
        said = plain(rpt_(text))
        if level == "ERROR":
            job_state(bpy.context.window_manager).problem = said
        self.report({level}, said)  # type: ignore[attr-defined]


def _show(context: bpy.types.Context, worker: WorkerJob) -> None:
    progress, state = worker.progress, job_state(context.window_manager)
    if progress is None:
        return
    stage = rpt_(progress.stage)
    state.stage = f"{stage} {amount(progress.done, progress.total)}" if progress.total > 1 else stage
    state.share = progress.share
    state.left = "" if progress.seconds_left is None else time_left(progress.seconds_left)
    _redraw(context)


def time_left(seconds: float) -> str:
    """For people: "about 2 min left"."""
    if seconds < 60:
        return rpt_("about {} s left").format(max(1, round(seconds)))
    return rpt_("about {} min left").format(round(seconds / 60))


def _redraw(context: bpy.types.Context) -> None:
    status = draw_status if job_state(context.window_manager).running else None
    for window in context.window_manager.windows:
        window.workspace.status_text_set(status)
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "PREFERENCES"}:
                area.tag_redraw()


class DUST3R_OT_cancel(bpy.types.Operator):
    """End what is being worked on; the scene stays as it is"""

    bl_idname = "dust3r.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not is_running():
            cls.poll_message_set(tip_("Nothing is being worked on"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[Any]:
        if _current is not None:
            _current.cancel()  # the operator that started it sees the end of it
        return {"FINISHED"}
