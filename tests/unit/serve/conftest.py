"""The app of a server, over a model that is a function."""

import re
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from langchain_metaaligner.serve import ServeSettings, create_app
from langchain_metaaligner.testing import FakeAlignerLLM


def as_asked(prompt):
    """An edit that tells what it was asked."""
    found = re.search(r"(?:Query|Context): (.*) \| Answer: (.*) \| Edit: $", prompt, re.S)
    return "<{}||{}>".format(*found.groups()) if found else f"and {prompt}"


@contextmanager
def client_of(settings=None, function=as_asked, **options):
    app = create_app(settings or ServeSettings(**options), FakeAlignerLLM(function))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def serving():
    """Makes a client of an app: ``with serving(max_batch=2) as client``."""
    return client_of


@pytest.fixture
def client():
    """A client of an app with all defaults."""
    with client_of() as client:
        yield client
