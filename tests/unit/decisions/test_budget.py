"""Budgets and rules as users write them."""

from __future__ import annotations

import pytest

from habitus.decisions.budget import Budget
from habitus.decisions.rule import Rule
from habitus.errors import UsageError


@pytest.mark.parametrize(
    ("text", "per", "alarms"),
    [
        ("1%", "trace", 0.01),
        ("0.5 %", "trace", 0.005),
        ("0.01", "trace", 0.01),
        ("1e-3", "trace", 0.001),
        ("0", "trace", 0.0),
        (0.02, "trace", 0.02),
        ("2/day", "day", 2.0),
        ("1 / hour", "day", 24.0),
        ("7/week", "day", 1.0),
    ],
)
def test_budgets(text: str | float, per: str, alarms: float) -> None:
    budget = Budget.parse(text)
    assert budget.per == per
    assert budget.alarms == pytest.approx(alarms)


@pytest.mark.parametrize(
    "text", ["", "1", "100%", "-1%", "nan", "inf/day", "-2/day", "2/year", "1%%", "one", "1.2.3%"]
)
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"a share from 0 to below 1 such as 1% or 0.01, or a rate"
    ):
        Budget.parse(text)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, -0.1])
def test_a_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        Budget.parse("1%", confidence=confidence)


@pytest.mark.parametrize("options", [{"confidence": 0.9}, {}])
def test_a_tail_gives_no_confidence_and_no_rate_by_the_day(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="extrapolated only for a share of traces, on average"):
        Budget.parse("1%" if options else "1/day", extrapolated=True, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("trace", "trace:mean"),
        ("trace:worst:20", "trace:worst:20"),
        ("trace:whole", "trace:whole"),
        ("rolling:200", "rolling:200"),
        ("rolling:200:mean", "rolling:200"),
        ("rolling:5:quantile:0.9", "rolling:5:quantile:0.9"),
    ],
)
def test_rules(text: str, shown: str) -> None:
    assert str(Rule.parse(text)) == shown
    assert Rule.parse(shown) == Rule.parse(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rolling", "no decision is called 'rolling'"),
        ("rolling:", "no decision is called"),
        ("rolling:0", "1 to 100,000 calls"),
        ("rolling:100001", "1 to 100,000 calls"),
        ("rolling:9:worst:3", "say rolling:3"),
        ("rolling:9:whole", "has no rolling score"),
        ("rolling:9:max", "no aggregation is called 'max'"),
        ("window:9", "no decision is called 'window:9'"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Rule.parse(text)
