"""What a piece of work takes."""

import subprocess
import sys

import pytest
from dust3r.evaluation.exam.clock import Clock

BUSY = "import time\nwhile time.process_time() < 0.4: pass"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell a process what others took for it")
def test_the_cpu_seconds_of_a_process_that_the_work_began_count():
    clock = Clock()
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert clock.figures()["cpu_seconds"] >= 0.3  # the system counts in hundredths
