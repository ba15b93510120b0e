"""The unit tests are offline: a test that opens a connection fails."""

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def offline():
    disable_socket(allow_unix_socket=True)  # event loops talk to themselves through one
    yield
    enable_socket()
