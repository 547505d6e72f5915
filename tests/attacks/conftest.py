"""What every case of the corpus has: a sandbox, and a host with something to steal; both last for a module."""

import pytest
from corpus import Host, contained

from mmgen_course.grading.sandbox import Sandbox


def pytest_collection_modifyitems(items):
    for item in items:
        if "sandbox" in getattr(item, "fixturenames", []):
            item.add_marker(contained)


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
