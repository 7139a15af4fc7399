"""Work in several threads at the same time."""

import threading
import time

import pytest
import torch
from dust3r.core.errors import Cancelled, InputError
from dust3r.core.runtime.side_by_side import side_by_side


def nothing():
    """The check of work that nobody stops."""


@pytest.fixture
def cores(monkeypatch):
    """What torch computes with, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield 4
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items_and_each_is_told():
    done = []

    def work(item, check):
        time.sleep(0.02 * (3 - item))  # the first ends last
        return 10 * item

    assert side_by_side(work, range(4), 4, nothing, lambda: done.append(1)) == [0, 10, 20, 30]
    assert len(done) == 4


def test_as_many_work_at_once_as_told_and_share_the_cores(cores):
    together = threading.Barrier(2, timeout=20)  # passes two at a time alone

    def work(item, check):
        together.wait()
        return torch.get_num_threads(), threading.current_thread().name

    found = side_by_side(work, range(4), 2, nothing, nothing)
    assert {number for number, _ in found} == {cores // 2} and len({name for _, name in found}) == 2
    assert torch.get_num_threads() == cores
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert found[-1] == cores


@pytest.mark.parametrize(("items", "at_once"), [(3, 1), (1, 4), (0, 4)])
def test_one_at_a_time_stays_in_this_thread_with_all_cores(cores, items, at_once):
    def work(item, check):
        assert check is nothing
        return threading.current_thread(), torch.get_num_threads()

    found = side_by_side(work, range(items), at_once, nothing, nothing)
    assert found == [(threading.current_thread(), cores)] * items


@pytest.mark.parametrize("at_once", [1, 3])
def test_cancelling_stops_all_threads(at_once):
    begun, working = [], set()

    def work(item, check):
        begun.append(item)
        working.add(item)
        try:
            while True:
                check()
                time.sleep(0.001)
        finally:
            working.remove(item)

    def check():
        if begun:
            raise Cancelled

    before = torch.get_num_threads()
    with pytest.raises(Cancelled):
        side_by_side(work, range(20), at_once, check, nothing)
    assert not working and len(begun) <= at_once and torch.get_num_threads() == before


def test_an_error_in_one_ends_the_others_and_is_told():
    def work(item, check):
        if item == 1:
            raise InputError("the second is missing")
        while True:
            check()
            time.sleep(0.001)

    with pytest.raises(InputError, match="the second"):
        side_by_side(work, range(3), 3, nothing, nothing)
