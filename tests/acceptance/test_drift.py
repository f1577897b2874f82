"""A vendor renames a field: told, held, fixed, released, nothing nulled; all by commands, over real sockets."""

import subprocess
import sys
from typing import Any

from hub.sdk import loads

USUAL, RENAMED = 60, 20


def play(vendor: str, usual: int, renamed: int) -> dict[str, Any]:
    """`python -m tests.benchmarks.drift`; its JSON."""
    numbers = ["--usual", str(usual), "--renamed", str(renamed)]
    command = [sys.executable, "-m", "tests.benchmarks.drift", "--vendor", vendor, *numbers]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    found: dict[str, Any] = loads(ended.stdout)
    assert found["told_after_s"] < 60
    assert found["told"] == found["in_crm"]
    assert (found["lost"], found["doubled_or_other"], found["nulled"], found["not_done"]) == (0, 0, 0, [])
    assert found["told_sum"] == found["crm_sum"]
    assert found["booked_while_held"] == 0
    return found


def steps(found: dict[str, Any]) -> dict[str, Any]:
    return {step["step"]: step for step in found["steps"]}


def test_a_renamed_field_is_told_held_fixed_and_released_and_nothing_is_nulled() -> None:
    found = play("webhook", USUAL, RENAMED)
    assert found["in_crm"] == USUAL + 2 * RENAMED
    seen = steps(found)
    told = seen["told"]
    assert (told["what"], told["path"]) == ("absent", "payload.data.order.bill_no")
    assert told["now"] == "absent; new beside it: receivable_no"
    assert told["mappings"] == ["partner.payment__crm.payment@1"]
    assert (told["in_list"], told["in_log"]) == (1, 1)
    assert seen["held"]["count"] == RENAMED
    assert "hub streams release partner event.received" in seen["held"]["hint"]
    assert "partner.payment__crm.payment@1" in seen["not released before the fix"]["said"]
    assert seen["released"]["chosen"] == RENAMED
    assert seen["arrived"]["open_drifts"] == 0


def test_a_field_that_a_poll_asks_for_and_is_renamed_stops_the_poll_is_told_and_nothing_is_nulled() -> None:
    found = play("kingdee", 5, 5)
    assert found["in_crm"] == 10
    seen = steps(found)
    (said,) = seen["told"]["said"]
    assert said.startswith("✕ kingdee receipt.booked: 轮询失败 / the poll fails")
    assert "元数据中标识为FSRCBILLNO的字段不存在" in said
    assert seen["told"]["in_log"] is True
    assert seen["arrived"]["unallocated"] == 0
