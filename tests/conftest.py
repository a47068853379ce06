"""What every suite shares: a stage a test, its actors, and a limit of time."""
import os
import signal

import pytest
from spantop import PROGRAM, SLOWER, Stage

TEST_LIMIT_S = 60


@pytest.fixture(scope="session", autouse=True)
def program():
    """The program under test."""
    if not os.access(PROGRAM, os.X_OK):
        pytest.exit(f"{PROGRAM} is not there: run make first (or set SPANTOP_BIN)", returncode=2)
    return PROGRAM


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that hangs fails with the line it hangs at, instead of the whole suite."""
    marker = item.get_closest_marker("limit")
    limit_s = int((marker.args[0] if marker else TEST_LIMIT_S) * SLOWER)

    def give_up(*_):
        raise TimeoutError(f"the test ran longer than {limit_s} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(limit_s)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def stage(tmp_path):
    """A folder, a HOME and a clean environment; everything started on it ends with the test."""
    stage = Stage(tmp_path)
    yield stage
    complaints = stage.stop()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def sim(stage):
    """A simulated Respan that does not wait at all."""
    return stage.sim()


@pytest.fixture
def gateway(stage, sim):
    """A gateway in front of `sim`, with a log of its own: gateway.log."""
    return stage.gateway(sim)


@pytest.fixture
def recorder(stage):
    """A raw upstream that keeps what it gets to the last byte."""
    return stage.recorder()


@pytest.fixture
def recorded(stage, recorder):
    """A gateway in front of `recorder`."""
    return stage.gateway(recorder)
