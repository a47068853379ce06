"""The client and a gateway in front of the simulated Respan, for each test."""
import pytest
from claude import Claude, Unavailable, fetch, is_ci


@pytest.fixture(scope="session")
def claude_binary():
    try:
        return fetch()
    except Unavailable as why:
        if is_ci():
            pytest.fail(f"the real client must be tested here: {why}")
        pytest.skip(f"the real client is not tested: {why}")


@pytest.fixture
def claude(stage, gateway, claude_binary):
    return Claude(stage, gateway.base_url, claude_binary)
