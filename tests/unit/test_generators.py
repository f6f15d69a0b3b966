"""Generated values are what their names say, at the traced sizes and at others, in every set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from opset_atlas.models import inputs

SETS = ("random-0", "random-1", "zeros", "ones", "large")
TOKENS = {"first": 1, "last": 2, "padding": 0, "mask": "mask"}
IDS = {"name": "ids", "dtype": "int64", "range": [0, 9], "values": {"tokens": TOKENS}}


def made(*items: dict[str, Any], name: str = "random-0") -> list[np.ndarray]:
    return inputs.make(items, name, 0)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("shape", [[3, 6], [5, 13], [1, 1], [2, 3, 4]])
def test_a_padding_mask_and_the_tokens_that_go_with_it(name: str, shape: list[int]) -> None:
    for options in ({}, {"side": "left"}, {"lengths": [6, 4]}):
        mask = {"name": "mask", "shape": shape, "dtype": "int64"}
        mask["values"] = {"padding_mask": options}
        ids, kept = made({**IDS, "shape": shape}, mask, name=name)
        assert ids.shape == kept.shape == tuple(shape)
        rows, ids = kept.reshape(-1, shape[-1]), ids.reshape(-1, shape[-1])
        assert rows[0].all() or "lengths" in options
        steps = np.diff(rows, axis=1)
        assert (steps >= 0).all() if options.get("side") == "left" else (steps <= 0).all()
        if "lengths" in options:
            expected = [min((6, 4)[i % 2], shape[-1]) for i in range(len(rows))]
            assert rows.sum(1).tolist() == expected
        for row, real in zip(ids, rows.astype(bool), strict=True):
            assert (row[~real] == 0).all() and row[real][-1] == 2
            inner = row[real][1:-1]
            assert (real.sum() == 1 or row[real][0] == 1) and ((inner > 2) & (inner <= 9)).all()


@pytest.mark.parametrize("name", SETS)
def test_boxes_have_corners_in_order_and_inside(name: str) -> None:
    item = {"name": "b", "shape": [50, 4], "values": {"boxes": [20, 10]}}
    (boxes,) = made(item, name=name)
    assert (boxes[:, 2:] > boxes[:, :2]).all() and (boxes >= 0).all()
    assert (boxes[:, 2] <= 20).all() and (boxes[:, 3] <= 10).all() and boxes[:, 0].max() > 10


def test_the_other_generators() -> None:
    shape = {"shape": [2, 5]}
    index = {**shape, "dtype": "int32", "range": [3, 7]}
    one_hot, rising, strict, places, choice, nest, flag = made(
        {"name": "a", **shape, "values": {"one_hot": True}},
        {"name": "b", **shape, "range": [2, 3], "values": {"sorted": True}},
        {"name": "c", **index, "values": {"sorted": "distinct"}},
        {"name": "d", **index, "values": {"positions": 4}},
        {"name": "e", **shape, "values": {"choice": [0.5, 2]}},
        {"name": "f", **shape, "values": [1, 2]},
        {"name": "g", "shape": [], "dtype": "bool", "values": True},
    )
    assert one_hot.sum(1).tolist() == [1, 1] and set(one_hot.flat) == {0, 1}
    assert (np.diff(rising) >= 0).all() and rising.min() >= 2 and rising.max() <= 3
    assert strict.tolist() == [[3, 4, 5, 6, 7]] * 2
    assert places.tolist() == [[4, 5, 6, 7, 8]] * 2
    assert set(choice.flat) <= {0.5, 2} and nest.tolist() == [[1, 2, 1, 2, 1]] * 2
    assert flag.shape == () and flag.dtype == bool and flag
    with pytest.raises(ValueError, match="c: no 6 distinct numbers from 3 to 7"):
        made({"name": "c", **index, "shape": [6], "values": {"sorted": "distinct"}})


def test_sets_differ_and_do_not_depend_on_each_other() -> None:
    item = {**IDS, "shape": [2, 9], "values": {"tokens": {}}}
    one, other = made(item, name="random-0")[0], made(item, name="random-1")[0]
    assert (one != other).any() and (one == made(item, name="random-0")[0]).all()
