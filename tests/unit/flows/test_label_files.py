"""Tables of labels, the words in them, and what they say of captures and logs."""

from __future__ import annotations

import tarfile
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from frames import A, B, ethernet, ip4, pcap, udp
from habitus.datasets.network import network_path
from habitus.errors import InputError, UsageError
from habitus.flows.extracting import extract_flows
from habitus.flows.formats import get_flow_format
from habitus.flows.label_words import classes_of, first_word
from habitus.flows.labelled import LabelledFile, LabelledFlows, equal_weights, joined
from habitus.flows.labelled_reading import read_labelled_flows
from habitus.flows.labels_file import is_labels_file, read_labels
from habitus.flows.report import CaptureReport
from labelled_captures import N_FLOWS, capture, write_captures

if TYPE_CHECKING:
    from pathlib import Path

ZEEK = get_flow_format("zeek").sample


def zeek_labelled(*labels: str) -> str:
    head, row = ZEEK.rstrip("\n").rsplit("\n", 1)
    return "\n".join([f"{head}\tlabel", *(f"{row}\t{label}" for label in labels)]) + "\n"


def table(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def test_a_table_tells_of_files_their_label_group_and_how_sure_it_is(tmp_path: Path) -> None:
    named = read_labels(
        table(
            tmp_path,
            "\ufeffPath, Label,group,category,confidence\n"
            "a/x.pcap,benign,home,web,HIGH\n\n"
            "b/y.pcap,malicious,,,\n",
        )
    )
    assert [one.file for one in named] == [
        LabelledFile("a/x.pcap", "home", "web", "high"),
        LabelledFile("b/y.pcap", "b"),
    ]
    assert [(one.path, one.label, one.line) for one in named] == [
        (tmp_path / "a/x.pcap", "benign", 2),
        (tmp_path / "b/y.pcap", "malicious", 4),
    ]


def test_a_table_tells_of_single_flows_by_their_community_id(tmp_path: Path) -> None:
    named = read_labels(
        table(
            tmp_path,
            "capture,community_id,label\nx.pcap,1:a=,normal\nx.pcap,1:b=,attack\nx.pcap,1:a=,normal\n",
        )
    )
    assert [(one.file.name, one.by_flow) for one in named] == [
        ("x.pcap", {"1:a=": "normal", "1:b=": "attack"})
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "labels.csv:1: has no column 'capture'"),
        ("path,wrong\nx,y\n", "labels.csv:1: has no column 'label'"),
        ("path,label\n", "labels.csv: labels no file"),
        ("path,label\nx.pcap,benign\nx.pcap,malicious\n", "labels.csv:3: x.pcap has a label"),
        ("path,label\n,benign\n", "labels.csv:2: names no file"),
        ('path,label\n"x.pcap,benign\n', "labels.csv:2: "),
        ("path,community_id,label\nx,,benign\n", "labels.csv:2: tells no community_id"),
        ("path,community_id,label\nx,1:a,benign\nx,1:a,bad\n", "labels.csv:3: flow 1:a is 'bad'"),
    ],
)
def test_a_table_that_says_nothing_or_two_things_is_refused_by_its_line(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(InputError) as error:
        read_labels(table(tmp_path, text))
    assert told in str(error.value)


def test_a_header_tells_a_table_of_labels() -> None:
    assert is_labels_file(b"path,label\nx,y\n")
    assert is_labels_file(b"capture,community_id,start_ns,label\n")
    assert not is_labels_file(b"capture,label\n")
    assert not is_labels_file(b"label\n\xff\n")
    assert not is_labels_file(b'"path,label\n')


@pytest.mark.parametrize(
    ("labels", "malicious", "found"),
    [
        ("benign malicious", "", "malicious"),
        ("Normal Attack-DoS", "", "Attack-DoS"),
        ("benign malicious malicious-synthetic", "", "malicious malicious-synthetic"),
        ("BENIGN DDoS", "", "DDoS"),
        ("web malware", "", "malware"),
        ("web mail scan dos irc", "SCAN,dos", "dos scan"),
        ("benign", "", ""),
    ],
)
def test_known_words_and_named_labels_are_malicious(
    labels: str, malicious: str, found: str
) -> None:
    counts = dict.fromkeys(labels.split(), 3)
    classes = classes_of(counts, "x", [name for name in malicious.split(",") if name])
    assert " ".join(classes.malicious) == found
    assert {*classes.benign, *classes.malicious} == set(labels.split())


def test_of_other_words_it_must_be_said_which_are_malicious() -> None:
    five = {"web": 5, "mail": 4, "scan": 3, "dos": 2, "irc": 1}
    with pytest.raises(UsageError) as error:
        classes_of(five, "x.csv")
    assert "x.csv: which labels are malicious? There are web (5 flows), mail (4" in str(error.value)
    assert "--malicious" in str(error.value)
    with pytest.raises(UsageError, match="--malicious bot: nothing has this label; there are web"):
        classes_of(five, "x.csv", ["bot"])
    assert first_word("Malicious   DDoS") == "malicious"


def test_a_folder_of_captures_is_read_by_its_table(tmp_path: Path) -> None:
    folder = write_captures(tmp_path / "set", ["benign", "malicious", "benign"])
    report = CaptureReport()
    found = read_labelled_flows(folder, captures=report)
    assert len(found) == 3 * N_FLOWS
    assert found.n_malicious == N_FLOWS
    assert [file.name for file in found.files] == ["0.pcap", "1.pcap", "2.pcap"]
    assert set(found.file_names[found.malicious]) == {"1.pcap"}
    assert (found.benign_labels, found.malicious_labels) == (("benign",), ("malicious",))
    assert found.extraction is not None
    assert report.n_captures == 3
    by_name = read_labelled_flows(folder / "labels.csv")
    assert by_name.flows.equals(found.flows)
    (folder / "2.pcap").write_bytes(capture(21, 200))
    assert read_labelled_flows(folder / "labels.csv").sha256 != by_name.sha256


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_that_holds_its_labels_is_read_by_them(tmp_path: Path, kind: str) -> None:
    """And not taken as benign: what the table does not name has no label."""
    folder = write_captures(tmp_path / "set", ["benign", "malicious"])
    (folder / "other.pcap").write_bytes(capture(50, 50, 4))
    archive = tmp_path / f"set.{kind}"
    if kind == "tar":
        with tarfile.open(archive, "w") as tar:
            tar.add(folder, "set")
    else:
        with zipfile.ZipFile(archive, "w") as zipped:
            for path in folder.iterdir():
                zipped.write(path, f"set/{path.name}")
    report = CaptureReport()
    found = read_labelled_flows(archive, captures=report)
    assert (found.n_benign, found.n_malicious, found.n_unlabelled) == (N_FLOWS, N_FLOWS, 4)
    assert [found.files[i].name for i in np.unique(found.file_of)] == ["0.pcap", "1.pcap"]
    assert not report.warnings()
    (folder / "labels.csv").write_text("path,label\nabsent.pcap,benign\n")
    with tarfile.open(archive, "w") as tar:
        tar.add(folder, "set")
    with pytest.raises(InputError, match=r"labels\.csv:2: absent\.pcap is not in the archive"):
        read_labelled_flows(archive)


def test_an_archive_with_two_tables_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_captures(tmp_path / "set" / name, ["benign"])
    archive = tmp_path / "set.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(tmp_path / "set", "set")
    with pytest.raises(InputError, match="holds several tables of labels: set/a/labels"):
        read_labelled_flows(archive)


def test_the_shipped_archive_is_labelled_by_flow() -> None:
    found = read_labelled_flows(network_path())
    assert (found.n_benign, found.n_malicious, found.n_unlabelled) == (1773, 396, 0)
    assert found.n_files() == 14


def test_single_flows_are_labelled_and_the_rest_is_counted(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(capture(20, 200))
    flows = pl.concat(list(extract_flows([tmp_path / "x.pcap"])))
    ids = flows["community_id"].to_list()
    table(
        tmp_path,
        f"path,community_id,label\nx.pcap,{ids[0]},attack\nx.pcap,{ids[3]},normal\n"
        f"x.pcap,{ids[4]},background\n",
    )
    found = read_labelled_flows(tmp_path)
    assert found.flows["community_id"].to_list() == [ids[0], ids[3]]
    assert found.malicious.tolist() == [True, False]
    assert found.n_unlabelled == N_FLOWS - 2


def test_flows_that_carry_labels_need_no_table(tmp_path: Path) -> None:
    path = tmp_path / "conn.log.labeled"
    path.write_text(zeek_labelled("Benign", "Malicious", "-", "Malicious"))
    found = read_labelled_flows(path)
    assert found.malicious.tolist() == [False, True, True]
    assert (found.n_unlabelled, found.extraction) == (1, None)
    assert "label" not in found.flows.columns
    with pytest.raises(UsageError, match="--malicious Bot: nothing has this label"):
        read_labelled_flows(path, malicious=["Bot"])


def test_what_nobody_labels_is_benign_and_that_is_told(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    path.write_text(ZEEK)
    found = read_labelled_flows(path)
    assert (found.n_benign, found.n_malicious) == (1, 0)
    assert "says of no flow whether it is malicious: all are taken as benign" in found.notes[0]
    with pytest.raises(UsageError, match="--malicious x: no flow has a label"):
        read_labelled_flows(path, malicious=["x"])


def test_captures_and_logs_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(capture(20, 200))
    (tmp_path / "conn.log").write_text(ZEEK)
    path = table(tmp_path, "path,label\nx.pcap,benign\nconn.log,malicious\n")
    with pytest.raises(InputError, match=r"x\.pcap holds captures and conn\.log does not"):
        read_labelled_flows(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("path,label\nabsent.pcap,benign\n", r"labels\.csv:2: .*absent\.pcap: cannot be read"),
        ("path,label\nREADME,benign\n", r"labels\.csv:2: .*README: no format recognises it"),
        ("path,label\nno-flow.pcap,benign\n", "there is no flow in it"),
    ],
)
def test_what_a_table_names_must_be_there_and_hold_flows(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "README").write_text("about this\n")
    (tmp_path / "no-flow.pcap").write_bytes(pcap([(0, ethernet(bytes(28), kind=0x0806))]))
    with pytest.raises(InputError, match=told):
        read_labelled_flows(table(tmp_path, text))


def test_standard_input_is_refused() -> None:
    with pytest.raises(UsageError, match="not from standard input"):
        read_labelled_flows("-")


def labelled(starts_s: list[float], ends_s: list[float], files: list[int]) -> LabelledFlows:
    times = {
        "start_ns": [round(one * 1e9) for one in starts_s],
        "end_ns": [round(one * 1e9) for one in ends_s],
    }
    sources = ("a", "b")
    return LabelledFlows(
        pl.DataFrame(times), np.array(files) == 1, np.array(files),
        tuple(LabelledFile(f"{i}.pcap", sources[i]) for i in range(2)),
    )  # fmt: skip


def test_hours_are_recorded_time_without_long_pauses() -> None:
    flows = labelled([0, 100, 90_000, 50], [200, 300, 90_600, 1850], [0, 0, 0, 1])
    assert flows.hours(~flows.malicious) == pytest.approx((300 + 600) / 3600)
    assert flows.hours() == pytest.approx((300 + 600 + 1800) / 3600)
    assert labelled([], [], []).hours() == 0


def test_a_part_and_a_whole_of_parts() -> None:
    flows = labelled([0, 1, 2], [1, 2, 3], [0, 1, 1])
    assert flows.of_sources("b").n_malicious == 2
    assert flows.n_files() == 2
    assert flows.n_files(flows.malicious) == 1
    both = joined([flows, flows.select(np.array([0]))])
    assert both.file_of.tolist() == [0, 1, 1, 2]
    assert len(both.files) == 4
    with pytest.raises(UsageError, match="no labelled flows to put together"):
        joined([])
    with pytest.raises(UsageError, match="wanted a label and a file for each of 1 flows"):
        LabelledFlows(pl.DataFrame({"x": [1]}), np.zeros(2, dtype=bool), np.zeros(1, dtype=int), ())


def test_weights_make_groups_equal() -> None:
    weights = equal_weights(np.array([7, 7, 7, 2]))
    assert weights.tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert not len(equal_weights(np.zeros(0, dtype=np.int64)))


def test_a_capture_is_one_even_where_its_name_says_otherwise(tmp_path: Path) -> None:
    frames = [(0, ethernet(ip4(udp(9, 53, b"?"), 17, A, B)))]
    (tmp_path / "conn.log").write_bytes(pcap(frames))
    assert read_labelled_flows(table(tmp_path, "path,label\nconn.log,benign\n")).n_benign == 1
