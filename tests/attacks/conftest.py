"""What every case of the corpus has: a sandbox, and a host with something to steal; both last for a module."""

import pytest
from corpus import Host

from mmgen_course.grading.sandbox import Sandbox, why_not_contained


def pytest_collection_modifyitems(items):
    reason = why_not_contained()
    for item in items:
        if reason and "sandbox" in getattr(item, "fixturenames", []):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def sandbox():
    made = Sandbox()
    yield made
    made.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    made = Host(tmp_path_factory.mktemp("host"))
    yield made
    made.close()
