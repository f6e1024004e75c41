from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudline.domain.money import base_amount, canonical_amount, decimals_of, has_too_many_decimals

amounts = st.decimals(0, 10**12, places=4)


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("EUR", 2), ("JPY", 0), ("TND", 3), ("XXX", None), ("XAU", None), ("eur", None), ("", None)],
)
def test_a_currency_has_its_own_decimals(currency: str, decimals: int | None) -> None:
    assert decimals_of(currency) == decimals


@given(amounts, st.integers(0, 6))
def test_equal_amounts_share_one_spelling(amount: Decimal, zeros: int) -> None:
    longer = amount.quantize(Decimal(1).scaleb(-4 - zeros))

    assert canonical_amount(longer) == canonical_amount(amount)
    assert Decimal(canonical_amount(amount)) == amount
    assert "E" not in canonical_amount(amount)


def test_zero_has_one_spelling_whatever_its_sign() -> None:
    assert {canonical_amount(Decimal(text)) for text in ("0", "-0", "0.000", "-0.0")} == {"0"}


@pytest.mark.parametrize(("amount", "is_over"), [("1.00", False), ("1.000", False), ("1.001", True), ("0.001", True)])
def test_zeros_beyond_the_currency_s_decimals_do_not_count(amount: str, is_over: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    assert has_too_many_decimals(Decimal(amount), 2) is is_over


def test_without_a_rate_there_is_no_base_amount() -> None:
    assert base_amount(Decimal(5), None) is None
    assert base_amount(Decimal("0.1"), Decimal("0.2")) == 0.02
