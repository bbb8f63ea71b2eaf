"""Fixtures of this directory; what they and the tests share is in captures.py: a module called conftest
is another directory's as soon as both are run together."""
import pytest
from captures import Samples


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    return Samples(tmp_path_factory.mktemp("samples"))
