"""One stream while its events are read: what is learned, what is told, and when."""

from typing import Any

from hub.drift.learn import Learned
from hub.ledger.streams import Policy, Stream
from tests.hub.drift.shop import GONE, STREAM, order


def learned(policy: Policy = "accept", count: int = 200) -> Learned:
    made = Learned.of(Stream(*STREAM, policy=policy))
    for number in range(count):
        made.meet(f"evt_{number}", order(number))
    assert made.found == []
    return made


def found(made: Learned) -> list[tuple[str, str, str]]:
    return [(each.what, each.path, event_id) for each, event_id in made.found]


def meet(made: Learned, *orders: dict[str, Any]) -> None:
    for index, data in enumerate(orders):
        made.meet(f"new_{index}", data)


def test_one_odd_event_is_not_learned_and_not_told_and_three_in_a_row_are() -> None:
    made = learned()
    meet(made, order(1, total=GONE), order(2, total=GONE), order(3), order(4, total=GONE), order(5, total=GONE))
    assert found(made) == []
    assert made.shape.count == 201
    meet(made, order(6, total=GONE))
    assert found(made) == [("absent", "total", "new_0")]


def test_a_held_stream_tells_of_the_first() -> None:
    made = learned("hold")
    meet(made, order(1, total=GONE), order(2, total=GONE))
    assert found(made) == [("absent", "total", "new_0"), ("absent", "total", "new_1")]
    assert made.shape.count == 200, "what drifts is not learned before it is released"


def test_an_accepting_stream_gets_used_to_a_new_value_and_a_held_one_does_not() -> None:
    cases: list[tuple[Policy, int]] = [("accept", 1), ("hold", 5)]
    for policy, times in cases:
        made = learned(policy)
        meet(made, *(order(number, state="lost") for number in range(5)))
        assert len(made.found) == times


def test_after_a_field_went_the_stream_is_learned_anew() -> None:
    made = learned()
    meet(made, *(order(number, total=GONE, amount=1) for number in range(60)))
    assert len(made.found) == 1
    assert "total" not in made.shape.fields
    meet(made, *(order(number, total=GONE) for number in range(3)))
    assert found(made)[1:] == [("absent", "amount", "new_2")], "the new field is missed as the old one was"


def test_a_field_that_was_there_half_of_the_time_is_told_after_some_twenty() -> None:
    made = learned()
    meet(made, *(order(2 * number) for number in range(30)))
    assert found(made) == [("empty", "note", "new_23")]


def test_runs_go_on_where_another_process_left_them() -> None:
    made = learned()
    meet(made, order(1, total=GONE), order(2, total=GONE))
    again = Learned.of(made.kept(202))
    meet(again, order(3, total=GONE))
    assert found(again) == [("absent", "total", "new_0")]
    assert again.stream.count == 202
