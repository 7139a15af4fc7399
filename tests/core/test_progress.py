"""Progress never falls, and the time left is the job's own pace."""

import pytest
from dust3r.core.progress import WHOLE, Progress, Timeline, amount


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _timeline(weights):
    clock, seen = _Clock(), []
    return clock, seen, Timeline(weights, seen.append, clock)


def test_stages_fill_their_parts_of_the_whole():
    _, seen, report = _timeline({"read": 1, "predict": 3})
    report("read", 1, 1)
    report("predict", 1, 2)
    report("predict", 2, 2)
    assert [progress.share for progress in seen] == [0.25, 0.625, 1.0]


def test_the_share_never_falls_even_when_a_stage_reports_backwards():
    _, seen, report = _timeline({"read": 1, "predict": 1})
    for done in (3, 1, 4):
        report("read", done, 4)
    shares = [progress.share for progress in seen]
    assert shares == sorted(shares)


def test_the_time_left_is_what_the_pace_so_far_promises():
    clock, seen, report = _timeline({"predict": 1})
    clock.now = 30.0
    report("predict", 1, 4)
    assert seen[-1] == Progress("predict", 1, 4, 0.25, 90.0)


def test_what_an_earlier_job_has_done_makes_nobody_hope_for_a_quick_end():
    clock, seen, report = _timeline({"predict": 8, "align": 2})
    clock.now = 1.0
    report("predict", 4, 4)  # all of it was kept
    report("align", 0, 10)
    clock.now = 5.0
    report("align", 1, 10)
    assert seen[-1].seconds_left == 36.0


def test_stages_to_come_count_at_the_pace_of_the_whole():
    clock, seen, report = _timeline({"predict": 6, "align": 4})
    report("predict", 0, 10)
    clock.now = 30.0
    report("predict", 5, 10)
    assert seen[-1].seconds_left == 30.0 + 40.0


def test_no_time_is_promised_before_the_pace_is_known():
    _, seen, report = _timeline({"predict": 1})
    report("predict", 0, 4)
    assert seen[-1].seconds_left is None


def test_an_empty_stage_counts_as_done():
    _, seen, report = _timeline({"read": 1, "predict": 1})
    report("read", 0, 0)
    assert seen[-1].share == 0.5


def test_a_stage_that_comes_again_divides_what_is_left_and_takes_its_time_again():
    clock, seen, report = _timeline({"match": 2, "adjust": 2, "surfaces": 4})
    report("match", 2, 2)
    clock.now = 4.0
    report("adjust", 2, 2)
    assert seen[-1].share == 0.5
    report("match", 0, 2)
    assert (seen[-1].share, seen[-1].seconds_left) == (0.5, 8.0)
    clock.now = 6.0
    report("match", 2, 2)
    assert (seen[-1].share, seen[-1].seconds_left) == (0.625, 6.0)
    report("surfaces", 4, 4)
    assert seen[-1].share == 1.0


def test_what_is_known_better_later_divides_what_is_left_anew():
    clock, seen, report = _timeline({"load": 1, "predict": 8, "surfaces": 1})
    clock.now = 1.0
    report("load", 1, 1)
    report.expect({"predict": 1, "surfaces": 9})
    report("predict", 0, 10)
    assert (seen[-1].share, seen[-1].seconds_left) == (0.1, 10.0)
    clock.now = 2.0
    report("predict", 10, 10)
    assert (round(seen[-1].share, 6), seen[-1].seconds_left) == (0.19, 9.0)
    report("surfaces", 1, 1)
    assert seen[-1].share == 1.0


@pytest.mark.parametrize(
    ("done", "total", "said"), [(3, 8, "3/8"), (0, 1, "0/1"), (334, WHOLE, "33%"), (WHOLE, WHOLE, "100%")]
)
def test_things_are_counted_and_a_share_is_a_share(done, total, said):
    assert amount(done, total) == said
