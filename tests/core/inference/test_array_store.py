"""A store of files takes as many arrays as a job has."""

import sys

import numpy as np
import pytest
from dust3r.core.inference.array_store import FolderStore, allow_many_maps


@pytest.mark.skipif(sys.platform == "win32", reason="maps are not counted there")
def test_more_arrays_can_be_mapped_than_the_system_at_first_allows(tmp_path):
    import resource

    store, before = FolderStore(tmp_path), resource.getrlimit(resource.RLIMIT_NOFILE)
    for number in range(300):
        store.put("pairs", str(number), np.full(3, number))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        allow_many_maps()
        arrays = [store.get("pairs", str(number)) for number in range(300)]
        assert [array[0] for array in arrays] == list(range(300))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.skipif(sys.platform == "win32", reason="maps are not counted there")
def test_a_generous_system_stays_generous():
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_many_maps()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= before[0]
