"""One hook's flood is its own trouble."""

from hub.inbound.buckets import MOST, Buckets


def test_a_burst_passes_then_the_rate_holds_and_others_are_not_touched() -> None:
    clock = [100.0]
    buckets = Buckets(per_s=10, burst=5, now=lambda: clock[0])
    assert [buckets.take("demo.a") for _ in range(5)] == [0] * 5
    assert 0 < buckets.take("demo.a") <= 0.1
    assert buckets.take("demo.b") == 0
    clock[0] += 0.1
    assert buckets.take("demo.a") == 0
    assert buckets.take("demo.a") > 0
    clock[0] += 60
    assert [buckets.take("demo.a") for _ in range(5)] == [0] * 5


def test_being_refused_costs_nothing() -> None:
    clock = [0.0]
    buckets = Buckets(per_s=10, burst=1, now=lambda: clock[0])
    buckets.take("demo.a")
    for _ in range(1000):
        assert buckets.take("demo.a") <= 0.1
    clock[0] += 0.11
    assert buckets.take("demo.a") == 0


def test_memory_is_bounded() -> None:
    buckets = Buckets(per_s=10, burst=1)
    for n in range(MOST + 50):
        buckets.take(f"demo.{n}")
    assert len(buckets._full_at) == MOST
