"""Independent pieces of work at the same time, each in a thread of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

from ..errors import Cancelled
from ..progress import Check

Item, Result = TypeVar("Item"), TypeVar("Result")

PAUSE = 0.1  # seconds between two calls of `check`


def side_by_side(
    work: Callable[[Item, Check], Result], items: Sequence[Item], at_once: int, check: Check, done: Check
) -> list[Result]:
    """The result of every item, in order, from up to `at_once` threads that share the cores among them.

    Small tensors gain nothing from several cores for each, and wait for the slowest at every step. check, done: called
    in this thread, the first often, the second after every item. The work calls its own check. What one of the three
    raises ends all work, and is raised here once no thread works any more.
    """
    if min(at_once, len(items)) < 2:
        return [_alone(work, item, check, done) for item in items]
    cores, stopped = torch.get_num_threads(), threading.Event()

    def go_on() -> None:
        if stopped.is_set():
            raise Cancelled

    pool = ThreadPoolExecutor(at_once, initializer=torch.set_num_threads, initargs=(max(1, cores // at_once),))
    try:
        futures = [pool.submit(work, item, go_on) for item in items]
        waiting = set(futures)
        while waiting:
            ended, waiting = wait(waiting, PAUSE, FIRST_COMPLETED)
            for future in ended:
                future.result()
                done()
            check()
        return [future.result() for future in futures]
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)  # the threads' own number has become that of threads to come


def _alone(work: Callable[[Item, Check], Result], item: Item, check: Check, done: Check) -> Result:
    result = work(item, check)
    done()
    return result
