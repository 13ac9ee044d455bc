"""Names of protocols: one table, whoever writes or reads them."""

from __future__ import annotations

import polars as pl
import pytest

from habitus.flows.columns.columnset import protocol_name
from habitus.flows.formats.cells import READERS
from habitus.flows.protocols import NAMES, NUMBERS, protocol_named
from habitus.flows.summary import protocol_name as over_ip


def test_what_is_written_is_read_as_it_was() -> None:
    numbers = pl.DataFrame({"protocol": range(256)})
    written = numbers.select(protocol_name()).to_series()
    assert READERS["protocol"](written).to_list() == list(range(256))
    assert [written[number] for number in NAMES] == list(NAMES.values())


def test_a_look_at_captures_and_columns_of_others_name_alike() -> None:
    """58 was once ICMPv6 in the one and IPV6-ICMP in the other."""
    written = pl.DataFrame({"protocol": [58]}).select(protocol_name()).item()
    assert over_ip(6, 58) == f"{written} over IPv6" == "ICMPv6 over IPv6"
    assert over_ip(4, 200) == "protocol 200 over IPv4"


@pytest.mark.parametrize(
    ("text", "number"),
    [("tcp", 6), ("UDP", 17), ("IPv6-ICMP", 58), ("icmp6", 58), ("ICMPv6", 58), ("UDPLite", 136),
     ("255", 255), ("256", None), ("-1", None), ("\u0665", None), ("unknown_transport", None)],
)  # fmt: skip
def test_names_and_numbers_as_programs_write_them(text: str, number: int | None) -> None:
    assert protocol_named(text) == number


def test_no_name_stands_for_two() -> None:
    assert set(NUMBERS.values()) == set(NAMES)
    assert all(name == name.lower() for name in NUMBERS)
