"""CICFlowMeter's CSV: three headers and two programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flow_files import only, read_text, reported

from habitus.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

OLD = (
    "Flow ID, Source IP, Source Port, Destination IP, Destination Port, Protocol, Timestamp,"
    " Flow Duration, Total Fwd Packets, Total Backward Packets,Total Length of Fwd Packets,"
    " Total Length of Bwd Packets, Fwd Packet Length Max, Fwd Packet Length Std,Flow Bytes/s,"
    " Flow IAT Mean, Fwd IAT Total, Fwd Header Length, Fwd Header Length,Init_Win_bytes_forward,"
    " Min Packet Length, Packet Length Mean, CWE Flag Count, Active Mean, Idle Max, Label\n"
)
VALUES = (
    "a,10.0.0.1,40000,10.0.0.2,80,6,{when},4000000,3,2,300,5000,200.0,100.5,1325.0,"
    "1000000.0,3000000,96,96,8192,0,1060,1,0,{idle},{label}\n"
)
YEAR_2018 = (
    OLD.replace("Source", "Src").replace("Destination", "Dst")
    .replace("Total Fwd Packets", "Tot Fwd Pkts").replace("Total Backward Packets", "Tot Bwd Pkts")
    .replace("Total Length of Fwd Packets", "TotLen Fwd Pkts")
    .replace("Total Length of Bwd Packets", "TotLen Bwd Pkts")
    .replace("Fwd Packet Length", "Fwd Pkt Len").replace("Fwd IAT Total", "Fwd IAT Tot")
    .replace("Min Packet Length", "Pkt Len Min").replace("Packet Length Mean", "Pkt Len Mean")
    .replace("Init_Win_bytes_forward", "Init Fwd Win Byts").replace("Flow Bytes/s", "Flow Byts/s")
    .replace("Fwd Header Length, Fwd Header Length", "Fwd Header Len, Ignored")
)  # fmt: skip
NEW = (
    OLD.replace("Source", "Src").replace("Destination", "Dst")
    .replace("Total Fwd Packets", "Total Fwd Packet")
    .replace("Total Backward Packets", "Total Bwd packets")
    .replace("Total Length of Fwd Packets", "Total Length of Fwd Packet")
    .replace("Total Length of Bwd Packets", "Total Length of Bwd Packet")
    .replace("Min Packet Length", "Packet Length Min").replace("CWE", "CWR")
    .replace("Init_Win_bytes_forward", "FWD Init Win Bytes")
    .replace("Fwd Header Length, Fwd Header Length", "Fwd Header Length, Ignored")
)  # fmt: skip


def row(when: str = "05/07/2017 08:55:58", idle: str = "0", label: str = "DDoS") -> str:
    return VALUES.format(when=when, idle=idle, label=label)


@pytest.mark.parametrize("header", [OLD, YEAR_2018, NEW], ids=["2017", "2018", "new"])
def test_all_headers_say_the_same(tmp_path: Path, header: str) -> None:
    flow = only(read_text(tmp_path, header + row()))
    assert (flow["source_ip"], flow["destination_port"]) == ("10.0.0.1", 80)
    assert flow["start_ns"] == 1499244958_000_000_000
    assert (flow["duration_us"], flow["forward_duration_us"]) == (4_000_000, 3_000_000)
    assert (flow["forward_packets"], flow["backward_packets"], flow["packets"]) == (3, 2, 5)
    assert (flow["forward_payload_bytes"], flow["payload_bytes"]) == (300, 5300)
    assert (flow["forward_payload_max_bytes"], flow["forward_payload_std_bytes"]) == (200, 100.5)
    assert flow["gap_mean_us"] == 1_000_000
    assert flow["payload_mean_bytes"] == 1060  # of sums and counts, not theirs
    assert (flow["forward_header_bytes"], flow["forward_window_first_bytes"]) == (96, 8192)
    assert (flow["payload_min_bytes"], flow["cwr_packets"]) == (0, 1)
    assert flow["payload_bytes_per_s"] == 1325
    assert flow["label"] == "DDoS"
    assert "active_mean_us" not in flow  # 0 says that there was none
    assert "raw_bytes" not in flow


@pytest.mark.parametrize(
    ("when", "seconds"),
    [
        ("5/7/2017 8:55", 1499244900), ("05/07/2017 08:55:58 PM", 1499288158),
        ("2017-07-05 08:55:58", 1499244958),
    ],
)  # fmt: skip
def test_dates_are_read_in_all_their_styles(tmp_path: Path, when: str, seconds: int) -> None:
    table = read_text(tmp_path, NEW + row(when=when))
    assert table["start_ns"].to_list() == [seconds * 1_000_000_000]


def test_known_nonsense_is_null_and_no_reason_to_drop_a_row(tmp_path: Path) -> None:
    text = OLD + row().replace("8192", "-1").replace("96,96", "-32212234632,96")
    text += row().replace("1325.0", "Infinity").replace("1000000.0", "NaN")
    table, report = reported(tmp_path, text)
    assert len(table) == 2
    assert not report.n_broken
    assert table["forward_window_first_bytes"].to_list() == [None, 8192]
    assert table["forward_header_bytes"].to_list() == [None, 96]
    assert table["gap_mean_us"].to_list() == [1_000_000, None]
    assert report.notes["values below zero, set to null"] == 2


def test_headers_further_down_are_no_flows(tmp_path: Path) -> None:
    table, report = reported(tmp_path, NEW + row() + NEW + row())
    assert table["source_line"].to_list() == [2, 4]
    assert report.notes == {"headers further down": 1}


def test_what_needs_more_packets_is_null(tmp_path: Path) -> None:
    one = row().replace(",4000000,3,2,", ",0,1,0,")
    flow = only(read_text(tmp_path, NEW + one))
    for name in ("gap_mean_us", "forward_payload_std_bytes", "payload_bytes_per_s"):
        assert name not in flow
    assert flow["forward_payload_max_bytes"] == 200


def test_the_port_counts_frames(tmp_path: Path) -> None:
    header = (
        "src_ip,dst_ip,src_port,dst_port,protocol,timestamp,flow_duration,tot_fwd_pkts,"
        "tot_bwd_pkts,totlen_fwd_pkts,totlen_bwd_pkts,fwd_pkt_len_std,flow_iat_mean,flow_iat_std,"
        "fwd_header_len,cwe_flag_count\n"
    )
    values = "10.0.0.1,10.0.0.2,1,2,17,2023-11-14 22:13:20,3000,2,2,200,400,3.0,1000,30,40,0\n"
    flow = only(read_text(tmp_path, header + values))
    assert (flow["forward_raw_bytes"], flow["raw_bytes"]) == (200, 600)
    assert flow["forward_raw_std_bytes"] == pytest.approx(3 * 2**0.5)
    assert flow["gap_std_us"] == pytest.approx(30 * (3 / 2) ** 0.5)
    for name in ("payload_bytes", "forward_header_bytes", "cwr_packets"):
        assert name not in flow


def test_quoted_cells_are_read(tmp_path: Path) -> None:
    table, report = reported(tmp_path, NEW + row(label='"Web Attack, XSS"') + row(label='"open'))
    assert table["label"].to_list() == ["Web Attack, XSS"]
    assert report.n_broken == 1


def test_a_column_that_stands_twice_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'dstport' twice"):
        read_text(tmp_path, NEW.replace("Src Port", "Dst Port") + row())


def test_two_formats_that_fit_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no format recognises it"):
        read_text(tmp_path, "time,call\n1,open\n")
