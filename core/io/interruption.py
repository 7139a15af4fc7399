"""Signals that end a run: what they are, whether one came, and steps that none of them breaks. Imports no torch."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Cancelled

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

came = threading.Event()  # whoever handles the signals sets it: libraries in C may swallow what a handler raises


def check_interruption() -> None:
    """Raise Cancelled if a signal that ends the run came, whatever became of it."""
    if came.is_set():
        raise Cancelled


def note_signals() -> None:
    """From now on a signal that ends a run sets `came` and does nothing else; one that was ignored still is."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: came.set())


@contextmanager
def held_back() -> Iterator[None]:
    """The signals wait until the block has ended. Outside the main thread, where none arrives, it does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {number: signal.signal(number, lambda number, _: arrived.append(number)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: one of Blender's own, in C
        for number in arrived:
            signal.raise_signal(number)
