"""Faults in settings are told with key, value and the nearest valid key."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from pipeline.errors import PipelineError
from pipeline.settings.base import Section


class Inner(Section):
    kind: Literal["inner"]
    temperature: Annotated[float, Field(gt=0)]
    names: list[str]


class Other(Section):
    kind: Literal["other"]
    path: str


class Outer(Section):
    inner: Annotated[Inner | Other, Field(discriminator="kind")]
    by_name: dict[str, Inner]
    count: int


GOOD = {"inner": {"kind": "inner", "temperature": 0.2, "names": ["a"]}, "by_name": {}, "count": 3}


def _fault(**changes):
    with pytest.raises(PipelineError) as caught:
        Outer.parse({**GOOD, **changes})
    return str(caught.value)


def test_good_settings_round_trip():
    assert Outer.parse(GOOD).plain() == GOOD
    assert Outer.parse({**GOOD, "inner": {**GOOD["inner"], "temperature": 1}}).inner.temperature == 1


def test_unknown_key_in_a_union_names_the_nearest():
    text = _fault(inner={**GOOD["inner"], "temprature": 1.0})
    assert "inner.inner.temprature: unknown key; did you mean `temperature`?" in text


def test_unknown_key_below_a_name():
    text = _fault(by_name={"moco": {**GOOD["inner"], "nmes": []}})
    assert "by_name.moco.nmes: unknown key; did you mean `names`?" in text


def test_missing_key_and_wrong_type_are_told_together():
    text = _fault(inner={"kind": "inner", "temperature": "0.2"}, count=True)
    assert "3 fault(s)" in text
    assert "inner.inner.names: this key is missing" in text
    assert "inner.inner.temperature: Input should be a valid number (value: '0.2')" in text
    assert "count: Input should be a valid integer (value: True)" in text


def test_bounds_are_told():
    assert "greater than 0 (value: -1.0)" in _fault(inner={**GOOD["inner"], "temperature": -1.0})
