"""Suricata's EVE: flows among other events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from flow_files import only, read_text, reported

from habitus.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

EVENT: dict[str, Any] = {
    "timestamp": "2017-04-07T22:26:37.251547+0100", "flow_id": 1, "event_type": "flow",
    "src_ip": "192.168.2.14", "src_port": 50096, "dest_ip": "209.53.113.5", "dest_port": 80,
    "proto": "TCP", "app_proto": "http",
    "flow": {
        "pkts_toserver": 14, "pkts_toclient": 24, "bytes_toserver": 1209, "bytes_toclient": 28842,
        "start": "2017-04-07T22:24:37.251547+0100", "end": "2017-04-07T22:25:37.501547+0100",
        "age": 60, "state": "closed", "reason": "timeout", "alerted": False,
    },
    "tcp": {"tcp_flags": "1b", "syn": True, "fin": True, "rst": False},
}  # fmt: skip


def lines(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def test_a_flow_has_frames_and_exact_times(tmp_path: Path) -> None:
    flow = only(read_text(tmp_path, lines(EVENT)))
    assert flow["start_ns"] == 1491600277_251547_000  # 21:24:37 UTC
    assert flow["duration_us"] == 60_250_000
    assert (flow["forward_packets"], flow["backward_packets"]) == (14, 24)
    assert (flow["forward_raw_bytes"], flow["raw_bytes"]) == (1209, 1209 + 28842)
    assert (flow["protocol"], flow["end_reason"]) == (6, "fin")
    assert "payload_bytes" not in flow
    assert "label" not in flow  # what rules said is no truth


@pytest.mark.parametrize(
    ("flow", "tcp", "wanted"),
    [
        ({"state": "closed"}, {"rst": True}, "rst"),
        ({"state": "established", "reason": "timeout"}, {}, "idle"),
        ({"state": "new", "reason": "shutdown"}, {}, "capture"),
        ({"state": "new", "reason": "forced"}, {}, "evicted"),
        ({"state": "new", "reason": "unknown"}, {}, None),
    ],
)
def test_how_it_ended(
    tmp_path: Path, flow: dict[str, str], tcp: dict[str, bool], wanted: str | None
) -> None:
    event = EVENT | {"flow": EVENT["flow"] | flow, "tcp": EVENT["tcp"] | tcp}
    assert read_text(tmp_path, lines(event))["end_reason"].to_list() == [wanted]


def test_icmp_of_ipv6_with_two_tags(tmp_path: Path) -> None:
    event = EVENT | {
        "src_ip": "fe80:0::1", "dest_ip": "ff02::2", "proto": "IPv6-ICMP", "icmp_type": 133,
        "icmp_code": 0, "vlan": [100, 7], "community_id": "1:x",
    }  # fmt: skip
    del event["src_port"], event["dest_port"]
    flow = only(read_text(tmp_path, lines(event)))
    assert (flow["source_ip"], flow["ip_version"], flow["protocol"]) == ("fe80::1", 6, 58)
    assert (flow["icmp_type"], flow["icmp_code"], flow["vlan"]) == (133, 0, 100 * 4096 + 7)
    assert (flow["source_port"], flow["community_id"]) == (0, "1:x")


def test_other_events_are_counted_and_what_is_no_json_is_broken(tmp_path: Path) -> None:
    alert, netflow = EVENT | {"event_type": "alert"}, EVENT | {"event_type": "netflow"}
    text = (
        lines(alert, EVENT, alert, netflow) + "{\n[1]\n" + '{"event_type": "flow", "src_ip": NaN}'
    )
    table, report = reported(tmp_path, text)
    assert table["source_line"].to_list() == [2]
    assert report.notes == {"events of type alert": 2, "events of type netflow": 1}
    assert report.n_broken == 3
    assert report.broken[0].startswith(f"{tmp_path}/flows:5: not an object of JSON")


def test_a_log_without_flows_is_an_error_that_says_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"events of type alert \(2\)"):
        read_text(tmp_path, lines(*[EVENT | {"event_type": "alert"}] * 2))


def test_a_clock_that_went_back_has_no_duration(tmp_path: Path) -> None:
    event = EVENT | {"flow": EVENT["flow"] | {"end": "2017-04-07T22:24:36+0100"}}
    assert "duration_us" not in only(read_text(tmp_path, lines(event)))
