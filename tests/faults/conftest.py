"""Says which seed was used and what became of the files."""

from dust3r.tests.faults.amount import FULL, NOTES, SEED
from dust3r.tests.faults.watch import TALLIES


def pytest_report_header():
    return f"faults: {'full' if FULL else 'quick share'}, FAULTS_SEED={SEED}"


def pytest_terminal_summary(terminalreporter):
    for kind, tally in TALLIES.items():
        terminalreporter.write_line(f"faults: {kind}: {tally}")
    for note in NOTES:
        terminalreporter.write_line(f"faults: {note}")
