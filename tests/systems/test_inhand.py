"""How long it usually takes to be done with a message, and what must not be taken for that."""

from __future__ import annotations

from systems.probes.inhand import ENOUGH, GONE_FOR, OFTEN, InHand


class Watched:
    """A queue's messages in hand, looked at once a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.hand = InHand(lambda: self.now)

    def look(self, *messages: str, times: int = 1, finished: float = 0) -> None:
        for _ in range(times):
            self.now += 1
            self.hand.look([m.encode() for m in messages], waiting=[], finished=finished)

    def works(self) -> None:
        self.look(times=2 * ENOUGH, finished=1)

    def lies(self, *messages: str, seconds: int = 8) -> None:
        """They are put back and done between two looks, so that nobody sees them wait again."""
        self.look(*messages, times=seconds)
        self.look(times=GONE_FOR + 2, finished=1)


def test_what_lay_there_until_it_was_put_back_is_no_measure_of_the_work() -> None:
    watched = Watched()
    watched.works()
    watched.lies("order 1", "order 2", "order 3", "order 4")
    assert watched.hand.usual_s() == 1


def test_a_message_that_is_put_back_again_and_again_is_counted_and_forgotten_later() -> None:
    now = 0.0
    hand = InHand(lambda: now)
    for number in range(8):
        now += 1
        bad = b"bad"
        hand.look(
            [bad] if number % 2 else [b"good %d" % number], waiting=[] if number % 2 else [bad], finished=1
        )
    assert hand.returned() == 3
    for _ in range(40):
        now += 1
        hand.look([], waiting=[], finished=1)
    assert hand.returned() == 0


def test_work_that_takes_so_long_again_and_again_takes_so_long() -> None:
    watched = Watched()
    watched.works()
    for number in range(OFTEN):
        assert watched.hand.usual_s() == 1
        watched.lies(f"report {number}", seconds=20)
    assert watched.hand.usual_s() == 19


def test_before_anything_is_known_nothing_is_doubted() -> None:
    watched = Watched()
    for number in range(ENOUGH):
        watched.look(f"film {number}", times=30)
    watched.look(times=GONE_FOR + 2)
    assert watched.hand.usual_s() == 29
