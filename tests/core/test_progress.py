"""Progress never falls, and the time left is the job's own pace."""

from dust3r.core.progress import Progress, Timeline


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
