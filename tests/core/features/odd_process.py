"""Mains for a process of its own that do not end well."""

import json
import os
import sys
import time
from pathlib import Path


def main(folder):
    """Do what folder/what says."""
    (Path(folder) / "pid").write_text(str(os.getpid()))
    sys.stdout.write(json.dumps(["Matching photos", 1, 3]) + "\nnot a message\n")
    if (Path(folder) / "what").read_text() == "abort":
        sys.stdout.flush()
        os.abort()
    time.sleep(60)
