"""Division of work among processes."""

from __future__ import annotations

import os

import pytest
from opset_atlas.execution.forks import shared


def test_results_come_in_order_from_processes_that_hold_the_data() -> None:
    held = object()  # cannot be pickled into the same object

    def work(part: list[int]) -> tuple[int, int, int]:
        return sum(part), id(held), os.getpid()

    found = shared(work, [[1, 2], [3], [4, 5, 6]], 2)
    assert [total for total, _, _ in found] == [3, 3, 15]
    assert {place for _, place, _ in found} == {id(held)}
    assert os.getpid() not in {process for _, _, process in found}


@pytest.mark.parametrize(("parts", "processes"), [([[1, 2]], 4), ([[1], [2]], 1), ([], 2)])
def test_what_is_not_worth_a_process_gets_none(parts: list[list[int]], processes: int) -> None:
    assert shared(lambda part: os.getpid(), parts, processes) == [os.getpid()] * len(parts)


def test_what_goes_wrong_is_raised_here() -> None:
    def work(part: int) -> int:
        return 1 // part

    with pytest.raises(ZeroDivisionError):
        shared(work, [1, 0, 2], 2)


def test_a_process_that_dies_is_an_error() -> None:
    def work(part: int) -> None:
        os._exit(part)

    with pytest.raises(RuntimeError, match="terminated abruptly"):
        shared(work, [7, 7], 2)
