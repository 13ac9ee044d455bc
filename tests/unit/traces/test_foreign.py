"""Files of other kinds are refused by name, with what to do; others with the nearest format."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from habitus.errors import InputError
from habitus.traces.foreign import known_kind, nearest_format, reason, refusal
from habitus.traces.foreign_kinds import KINDS
from habitus.traces.formats import format_names, get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.reading import TraceReader, read_traces
from habitus.traces.traceset import join

GOLDEN = Path(__file__).parents[2] / "golden" / "traces"
HEAD = 1 << 16

RA_HEADER = (
    "         StartTime      Flgs  Proto            SrcAddr  Sport   Dir            DstAddr  Dport"
    "  TotPkts   TotBytes State \n"
)
RA_ROWS = (
    "   09:42:34.113312  e           tcp      192.168.10.51.49821     ->      172.217.6.202.https"
    "          15       4182   FIN\n"
    "   09:42:35.020001  e           udp      192.168.10.51.5353     <->        224.0.0.251.5353"
    "           4        512   CON\n"
    "   09:42:36.900450  e          icmp       192.168.10.1.0x0303    ->      192.168.10.51"
    "                   1         70   URP\n"
    "   09:42:37.000000  e           arp       192.168.10.51         who       192.168.10.1"
    "                   2        102   CON\n"
)
SUMMARY = "% time     seconds  usecs/call     calls    errors syscall\n"
ARGUS, NFDUMP = "a list of flows by Argus (ra)", "a list of flows by nfdump"
CIC = "a table of flows by CICFlowMeter"

HEADS: list[tuple[str, bytes | str]] = [
    ("a summary of strace (-c or -C)", SUMMARY),
    (ARGUS, RA_HEADER + RA_ROWS),
    (ARGUS, RA_ROWS),
    (
        ARGUS,
        "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes\n",
    ),
    (ARGUS, "pkSeqID,stime,flgs,proto,saddr,sport,daddr,dport\n1,1526344032.1,e,tcp,1.2.3.4,1\n"),
    ("a log of Zeek", "#separator \\x09\n#set_separator\t,\n#path\tconn\n"),
    ("a log of Zeek", '{"ts":1.5,"uid":"Cx","id.orig_h":"10.0.0.1","id.orig_p":1}\n'),
    (
        "an event log of Suricata (eve.json)",
        '{"timestamp":"2024-01-01T00:00:00.1+0000","event_type":"flow","src_ip":"10.0.0.1"}\n',
    ),
    (NFDUMP, "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt\n2024-01-01 00:00:00,\n"),
    (NFDUMP, "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort\n"),
    (NFDUMP, "Date first seen          Duration Proto      Src IP Addr:Port\n"),
    (CIC, "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration\n"),
    (CIC, " Destination Port, Flow Duration, Total Fwd Packets\n80,3,2\n"),
    (CIC, "src_ip,dst_ip,flow_duration,tot_fwd_pkts\n"),
    ("a table of flows by NFStream", "id,src_ip,dst_ip,bidirectional_packets,src2dst_packets\n"),
    ("a table of flows by FlowMeter", "fiveTuple,srcIP,dstIP,protocol,flowDuration\n"),
    ("a table of network flows", "IPV4_SRC_ADDR,L4_SRC_PORT,IPV4_DST_ADDR,L4_DST_PORT\n"),
    ("a packet capture (pcap or pcapng)", b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00"),
    (
        "a capture of sysdig or Falco (scap)",
        b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x02\x00" + b"\xff" * 8
        + b"\x1c\x00\x00\x00" + b"\x01\x02\x00\x00",
    ),
    ("a recording of perf (perf.data)", b"PERFILE2h\x00\x00\x00"),
    ("a recording of trace-cmd", b"\x17\x08\x44tracing6\x00"),
    ("a summary of perf trace (-s)", " Summary of events:\n\n cat (12), 34 events, 97.4%\n"),
    ("a journal of systemd", "__CURSOR=s=739ad463;i=4ece7\n__REALTIME_TIMESTAMP=1342540861\n"),
    ("a journal of systemd", '{"__CURSOR":"s=1","MESSAGE":"hello"}\n'),
    ("a journal of systemd", b"LPKSHHRH\x00\x00\x00\x00"),
    ("an event log of Windows (EVTX)", b"ElfFile\x00\x00\x00"),
    ("a database (SQLite)", b"SQLite format 3\x00\x10\x00"),
    ("a table in a binary form (Parquet, Feather, HDF5 or NumPy)", b"PAR1\x15\x04"),
    ("an archive that Habitus does not open (7z, RAR or a disk image)", b"7z\xbc\xaf\x27\x1c\x00"),
    ("a file that is compressed twice", b"\x1f\x8b\x08\x00"),
    ("a document or an image", b"%PDF-1.7\n"),
    ("a document or an image", b"\x89PNG\r\n\x1a\n"),
    ("a web page (HTML)", "\n<!DOCTYPE html>\n<html lang=en>\n"),
    ("an XML document", '<?xml version="1.0"?>\n'),
    ("a JSON array", '[\n  {"syscall": "openat"}\n]\n'),
    ("a system log (syslog)", "Jan  7 10:00:01 host CRON[412]: (root) CMD (true)\n"),
    (
        "a web server's access log",
        '10.0.0.1 - - [07/Jan/2024:10:00:01 +0000] "GET / HTTP/1.1" 200 5\n',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "head"), HEADS)
def test_a_kind_is_known_by_its_head(kind: str, head: bytes | str) -> None:
    data = head.encode() if isinstance(head, str) else head
    found = known_kind(data)
    assert found is not None
    assert found.name == kind
    assert reason(data).startswith(f"this looks like {kind}, which ")


def test_every_kind_has_a_head_here() -> None:
    assert {kind.name for kind in KINDS} == {kind for kind, _ in HEADS} | {"a program (ELF)"}


def test_a_program_is_no_log() -> None:
    with pytest.raises(
        InputError, match=r"/sh: this looks like a program \(ELF\), which is no log"
    ):
        read_traces("/bin/sh")


def test_the_samples_of_all_formats_are_of_no_foreign_kind() -> None:
    for name in format_names():
        sample = get_format(name).sample.encode()
        assert known_kind(sample) is None, name
        assert known_kind(sample, name) is None, name


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("zeek-labelled/008-zeek-mixed.conn.log.labeled", "a log of Zeek"),
        ("flowmeter/webgoat_flow_stats.csv", "a table of flows by FlowMeter"),
        ("pcap/ndpi/443-curl.pcap", "a packet capture (pcap or pcapng)"),
        ("pcap/ndpi/ah.pcapng", "a packet capture (pcap or pcapng)"),
    ],
)
def test_real_files_of_flows_and_packets_are_refused(test_data: Path, file: str, kind: str) -> None:
    with pytest.raises(InputError) as caught:
        read_traces(test_data / file)
    (message,) = str(caught.value).splitlines()
    assert message.startswith(f"{test_data / file}: this looks like {kind}, which ")
    assert "system calls" in message
    assert "; formats: adfa" in message


@pytest.mark.parametrize("format", [None, "strace"])
def test_a_summary_of_strace_is_refused_whatever_it_is_taken_for(
    tmp_path: Path, format: str | None  # noqa: A002
) -> None:  # fmt: skip
    path = tmp_path / "summary.strace"
    path.write_bytes((GOLDEN / "summary.strace").read_bytes())
    with pytest.raises(InputError, match="tells no order of calls: record again without -c"):
        read_traces(path, format=format)


def test_a_summary_that_strace_made_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    made = subprocess.run(["strace", "-c", "-o", path, "true"], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("strace cannot trace here")
    with pytest.raises(InputError, match=r"a summary of strace \(-c or -C\), which tells no order"):
        read_traces(path)


def test_within_a_folder_a_foreign_file_is_left_out_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.strace").write_text("read(3) = 0\n")
    (tmp_path / "b.strace").write_bytes((GOLDEN / "summary.strace").read_bytes())
    (tmp_path / "c.pcap").write_bytes(b"\xd4\xc3\xb2\xa1" + bytes(20))
    (tmp_path / "d.txt").write_text("what is this\n")
    reader = TraceReader(tmp_path)
    assert join(reader).n_calls == 1
    assert reader.report.n_files == 1
    assert [line.partition(", which")[0] for line in reader.report.skipped] == [
        f"{tmp_path}/b.strace: this looks like a summary of strace (-c or -C)",
        f"{tmp_path}/c.pcap: this looks like a packet capture (pcap or pcapng)",
        f"{tmp_path}/d.txt: no format recognises it",
    ]
    with pytest.raises(InputError, match=r"b\.strace: this looks like a summary of strace"):
        join(TraceReader(tmp_path, strict=True))


def test_within_a_folder_of_one_format_so_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.strace").write_text("read(3) = 0\n")
    (tmp_path / "b.strace").write_bytes((GOLDEN / "summary.strace").read_bytes())
    reader = TraceReader(tmp_path, format="strace")
    assert join(reader).n_calls == 1
    assert reader.report.n_skipped == 1
    assert reader.report.n_broken == 0


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ('412  1700000000.5 [openat](AT_FDCWD, "/etc/passwd") -> 3 <0.000012>\n' * 3, "strace"),
        ("12:5\n12:7\n13:66\n", None),
        ("one\ntwo\nthree\n", None),
        ("", None),
        ("\0\1\2" * 30, None),
    ],
)
def test_the_nearest_format_is_told_as_a_guess(
    tmp_path: Path, text: str, nearest: str | None
) -> None:
    if nearest is None:
        assert "of these nearest" not in refusal(text.encode())
        return
    assert nearest_format(text.encode()) == nearest
    path = tmp_path / "x.log"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_traces(path)
    assert str(caught.value).startswith(f"{path}: no format recognises it; formats: adfa")
    sample = get_format(nearest).sample.partition("\n")[0][:120]
    guess = f"; of these nearest, by the look of its lines alone: {nearest} ({sample})"
    assert str(caught.value).endswith(guess)


@pytest.mark.parametrize(
    "piece",
    [b" ", b"a", b"a ", b"\n", b"[", b"{", b'"', b"9", b",", b"a.", b"1.1.1.1 ", b"\0", b"- "],
)
def test_hostile_heads_take_no_time(piece: bytes) -> None:
    for head in ((piece * HEAD)[:HEAD], (piece * 250 + b"\n") * (HEAD // (250 * len(piece)) + 1)):
        start = time.perf_counter()
        refusal(head[:HEAD])
        assert time.perf_counter() - start < 0.5  # a loop that tries again and again takes hours


def test_no_format_takes_a_foreign_file_for_its_own() -> None:
    for kind, head in HEADS:
        data = head.encode() if isinstance(head, str) else head
        for name in format_names():
            sure = get_format(name).sniff(data, "x", ReadOptions())
            assert sure == 0 or known_kind(data, name) is not None, (kind, name)
