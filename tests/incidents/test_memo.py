"""What many ask for at once is made once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from incidents.memo import MOST, Memo


def test_whoever_asks_while_it_is_made_gets_that_one() -> None:
    memo, made, go = Memo(), [], threading.Event()

    def make() -> int:
        go.wait(10)
        made.append(1)
        return len(made)

    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(memo.get, "board", 60.0, make) for _ in range(16)]
        go.set()
        assert {f.result(10) for f in asked} == {1}
    assert made == [1]


def test_one_that_was_begun_too_long_ago_is_made_anew_and_the_last_does_meanwhile() -> None:
    memo, go, begun = Memo(), threading.Event(), threading.Event()
    assert memo.get("k", 0.0, lambda: "old") == "old"

    def slow() -> str:
        begun.set()
        go.wait(10)
        return "new"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(memo.get, "k", 0.0, slow)
        assert begun.wait(10)
        assert memo.get("k", 0.0, lambda: "never", last_s=60.0) == "old"
        go.set()
        assert first.result(10) == "new"
    assert memo.get("k", 60.0, lambda: "never") == "new"


def test_what_cannot_be_made_is_tried_again_and_the_least_wanted_goes() -> None:
    memo = Memo()
    with pytest.raises(ZeroDivisionError):
        memo.get("k", 60.0, lambda: 1 // 0)
    assert memo.get("k", 60.0, lambda: 2) == 2
    for number in range(MOST):
        memo.get(number, 60.0, lambda: 0)
    assert memo.get("k", 60.0, lambda: 3) == 3


def test_what_is_slow_is_made_behind_and_for_a_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    memo, made, go = Memo(), [], threading.Event()

    def make() -> int:
        made.append(threading.current_thread())
        if len(made) > 1:
            go.wait(10)
        return len(made)

    assert memo.behind("k", 0.0, make) == 1
    kept = memo._kept["k"]
    kept.took = 60.0
    assert memo.behind("k", 0.0, make) == 1 and len(made) == 1, "it took long: not again so soon"
    kept.took = 0.0
    assert [memo.behind("k", 0.0, make) for _ in range(5)] == [1] * 5
    go.set()
    assert kept.lock.acquire(timeout=10)
    kept.lock.release()
    assert kept.value == 2 and len(made) == 2 and made[1] is not threading.current_thread()


def test_what_fails_behind_leaves_the_last(caplog: pytest.LogCaptureFixture) -> None:
    memo = Memo()
    assert memo.behind("k", 0.0, lambda: 1) == 1
    assert memo.behind("k", 0.0, lambda: 1 // 0) == 1
    kept = memo._kept["k"]
    assert kept.lock.acquire(timeout=10)
    kept.lock.release()
    assert memo.behind("k", 60.0, lambda: 2) == 1
