"""The kinds of files that people name by mistake, how each is known, and what to do with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Recogniser = Callable[[bytes], bool]

_LOOKED_AT_BYTES = 4096


@dataclass(frozen=True)
class Kind:
    """A kind of file that holds no traces.

    Attributes:
        name: what it is, with an article.
        recognises: whether a file's first bytes are of this kind.
        why: why it cannot be used and what to do, as it goes on after "which".
        format: the format that would take such a file for its own; empty if none would.
    """

    name: str
    recognises: Recogniser
    why: str
    format: str = ""

    @property
    def reason(self) -> str:
        return f"this looks like {self.name}, which {self.why}"


def _starts(*magics: bytes) -> Recogniser:
    return lambda head: head.startswith(magics)


def _matches(pattern: bytes) -> Recogniser:
    """Whether a file begins with a pattern, behind blank lines and the mark of UTF-8."""
    compiled = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?:" + pattern + rb")", re.IGNORECASE)
    return lambda head: compiled.match(head[:_LOOKED_AT_BYTES]) is not None


def _has_columns(*wanted: str) -> Recogniser:
    """Whether the first line is a header with all of these columns, in whatever order."""

    def recognises(head: bytes) -> bool:
        line = head.lstrip(b"\xef\xbb\xbf\r\n #")[:_LOOKED_AT_BYTES].split(b"\n", 1)[0].lower()
        cells = {cell.strip(b' \t\r"') for cell in re.split(rb"[,;\t|]", line)}
        cells |= set(line.split())
        return {name.encode() for name in wanted} <= cells

    return recognises


def _keys_in_objects(*wanted: str) -> Recogniser:
    """Whether the first line is a JSON object in which all of these keys stand."""

    def recognises(head: bytes) -> bool:
        line = head.lstrip().split(b"\n", 1)[0]
        return line.startswith(b"{") and all(b'"%s"' % name.encode() in line for name in wanted)

    return recognises


def _any_of(*recognisers: Recogniser) -> Recogniser:
    return lambda head: any(recognises(head) for recognises in recognisers)


_RA_LINE = re.compile(
    rb"\s*\S{0,40}[\d:.]{8,26}\s++(?:[a-zA-Z*&]{1,8}\s++){1,6}[\w.:*-]{3,60}\s++"
    rb"(?:[<?]{0,2}[->]{1,2}|<\?>|who)\s++[\w.:*-]{3,60}\s++\d+\s++\d+\s++[A-Z_]{2,6}\s*+$"
)


def _is_ra_text(head: bytes) -> bool:
    """Lines of `ra` without their header: addresses with an arrow between them, two counts."""
    lines = [line[:300] for line in head.split(b"\n", 20)[:-1] if line.strip()]
    n_alike = sum(_RA_LINE.match(line) is not None for line in lines)
    return n_alike > 0 and 2 * n_alike >= len(lines)


def _is_sysdig_capture(head: bytes) -> bool:
    """A pcapng file whose second block is sysdig's: what it knows of the machine."""
    if not head.startswith(b"\x0a\x0d\x0d\x0a"):
        return False
    length = int.from_bytes(head[4:8], "little")
    block = int.from_bytes(head[length : length + 4], "little")
    return 0x201 <= block <= 0x240


_FLOWS = "tells of packets, not of system calls"
_FLOWS_READ = f"{_FLOWS}; what reads it is habitus flows convert"

KINDS: tuple[Kind, ...] = (
    Kind(
        "a summary of strace (-c or -C)",
        _matches(rb"% time\s++seconds\s++usecs/call"),
        "tells no order of calls: record again without -c, best with strace -f -ttt -o FILE",
        format="strace",
    ),
    Kind(
        "a summary of perf trace (-s)",
        _matches(rb"summary of events:"),
        "tells no order of calls: record again without -s",
        format="perf",
    ),
    Kind("a list of flows by Argus (ra)", _has_columns("starttime", "srcaddr", "dstaddr"), _FLOWS),
    Kind(
        "a list of flows by Argus (ra)",
        _any_of(_has_columns("stime", "saddr", "daddr"), _is_ra_text),
        _FLOWS,
    ),
    Kind(
        "a log of Zeek",
        _any_of(_matches(rb"#separator \\x"), _keys_in_objects("ts", "uid", "id.orig_h")),
        _FLOWS_READ,
    ),
    Kind(
        "an event log of Suricata (eve.json)",
        _keys_in_objects("timestamp", "event_type", "src_ip"),
        _FLOWS_READ,
    ),
    Kind(
        "a list of flows by nfdump",
        _any_of(
            _has_columns("ts", "te", "sa", "da"),
            _has_columns("firstseen", "srcaddr", "dstaddr"),
            _matches(rb"date first seen\b"),
        ),
        _FLOWS,
    ),
    Kind(
        "a table of flows by CICFlowMeter",
        _any_of(
            _has_columns("flow id", "flow duration"),
            _has_columns("flow duration", "total fwd packets"),
            _has_columns("flow duration", "total fwd packet"),
            _has_columns("flow duration", "tot fwd pkts"),
            _has_columns("flow_duration", "tot_fwd_pkts"),
        ),
        _FLOWS_READ,
    ),
    Kind("a table of flows by FlowMeter", _has_columns("fivetuple", "flowduration"), _FLOWS_READ),
    Kind(
        "a table of flows by NFStream",
        _has_columns("bidirectional_packets", "src2dst_packets"),
        _FLOWS_READ,
    ),
    Kind(
        "a table of network flows",
        _any_of(
            _has_columns("ipv4_src_addr", "ipv4_dst_addr"),
            _has_columns("srcip", "dstip"),
            _has_columns("src_ip", "dst_ip"),
            _has_columns("source ip", "destination ip"),
        ),
        _FLOWS,
    ),
    Kind(
        "a capture of sysdig or Falco (scap)",
        _is_sysdig_capture,
        "is binary: write it as text, sysdig -r FILE > FILE.txt",
    ),
    Kind(
        "a packet capture (pcap or pcapng)",
        _starts(
            *(b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"),
            *(b"\x34\xcd\xb2\xa1", b"\xa1\xb2\xcd\x34", b"\x0a\x0d\x0d\x0a"),
        ),
        "holds packets, not system calls; habitus flows extract makes flows of it",
    ),
    Kind(
        "a recording of perf (perf.data)",
        _starts(b"PERFILE2", b"2ELIFREP"),
        "is binary: write it as text, perf script -i FILE > FILE.txt",
    ),
    Kind(
        "a recording of trace-cmd",
        _starts(b"\x17\x08\x44tracing"),
        "is binary and not read; record system calls with strace, perf trace or sysdig",
    ),
    Kind(
        "a journal of systemd",
        _any_of(_starts(b"LPKSHHRH"), _matches(rb"__CURSOR="), _keys_in_objects("__CURSOR")),
        "holds messages, not system calls; if auditd's records are wanted, read its own audit.log",
    ),
    Kind(
        "an event log of Windows (EVTX)",
        _starts(b"ElfFile\0"),
        "holds no system calls of Linux, the only ones that Habitus knows",
    ),
    Kind("a program (ELF)", _starts(b"\x7fELF"), "is no log: run it under strace to record it"),
    Kind(
        "a database (SQLite)",
        _starts(b"SQLite format 3\0"),
        "is no log: write out the table of calls as CSV",
    ),
    Kind(
        "a table in a binary form (Parquet, Feather, HDF5 or NumPy)",
        _starts(b"PAR1", b"FEA1", b"\x89HDF", b"\x93NUMPY"),
        "has no agreed columns of calls: write it out as CSV",
    ),
    Kind(
        "an archive that Habitus does not open (7z, RAR or a disk image)",
        _starts(b"7z\xbc\xaf\x27\x1c", b"Rar!", b"QFI\xfb", b"conectix"),
        "must be unpacked first",
    ),
    Kind(
        "a file that is compressed twice",
        _starts(b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"),
        "must be decompressed once first",
    ),
    Kind(
        "a document or an image",
        _starts(b"%PDF-", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\xd0\xcf\x11\xe0", b"{\\rtf"),
        "is no log",
    ),
    Kind(
        "a web page (HTML)",
        _matches(rb"<!doctype html|<html|<head"),
        "is no log: if it was downloaded, the link led to a page about the file",
    ),
    Kind("an XML document", _matches(rb"<\?xml"), "is none of the formats: convert it first"),
    Kind(
        "a JSON array",
        _matches(rb"\[\s*+[\[{]"),
        "must be one object a line to be read in bounded memory: jq -c '.[]' FILE > FILE.jsonl",
    ),
    Kind(
        "a system log (syslog)",
        _matches(rb"(?:<\d{1,3}>)?[a-z]{3} [ \d]\d \d\d:\d\d:\d\d \S++ [\w./-]++(?:\[\d++\])?:"),
        "holds messages, not system calls",
    ),
    Kind(
        "a web server's access log",
        _matches(rb"\S{1,100} \S{1,100} \S{1,100} \[\d\d/[a-z]{3}/\d{4}:"),
        "holds requests, not system calls",
    ),
)
