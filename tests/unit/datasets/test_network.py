"""The shipped captures: whole, every flow labelled once, and no shortcut to the labels."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from habitus.datasets.network import (
    LABELS,
    network_flows,
    network_labels,
    network_path,
    unpack_network,
)
from habitus.errors import InputError
from habitus.flows.report import CaptureReport
from habitus.flows.tracker import TrackSettings

if TYPE_CHECKING:
    from network.telling import Telling

KIT = Path(__file__).parents[3] / "recording"
FAMILIES = ("scan", "guess", "exfiltrate", "beacon")


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return json.loads((network_path().parent / "MANIFEST.json").read_text())


@pytest.fixture(scope="module")
def report() -> CaptureReport:
    return CaptureReport()


@pytest.fixture(scope="module")
def flows(report: CaptureReport) -> pl.DataFrame:
    return network_flows(report=report)


@pytest.fixture(scope="module")
def labels() -> pl.DataFrame:
    return network_labels()


def test_it_is_small_and_what_the_manifest_says(tmp_path: Path, manifest: dict[str, Any]) -> None:
    assert network_path().stat().st_size < 1 << 20
    captures = unpack_network(tmp_path / "new" / "folder")
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (tmp_path / "new" / "folder").iterdir()
    }
    expected = {member["name"]: member["sha256"] for member in manifest["members"]}
    assert digests == expected | {LABELS: manifest["labels"]["sha256"]}
    assert [path.name for path in captures] == sorted(expected)


def test_every_packet_is_in_a_flow(
    flows: pl.DataFrame, report: CaptureReport, manifest: dict[str, Any]
) -> None:
    assert report.packets.n_ok == report.packets.n_packets == flows["packets"].sum()
    assert report.packets.n_packets == sum(member["packets"] for member in manifest["members"])
    assert not report.damaged
    (told,) = report.skipped
    assert told.rpartition("/")[2] == (
        f"network.tar.xz:{LABELS}: no capture, but a text, which begins with "
        "'capture,community_id,start_ns,source_ip,'"
    )


def test_every_flow_has_one_label_and_every_label_one_flow(
    flows: pl.DataFrame, labels: pl.DataFrame
) -> None:
    names = ["capture", "community_id"]
    assert labels.select(names).is_unique().all()
    both = flows.join(labels, on=names, how="full", suffix="_told", validate="1:1")
    assert len(both) == len(flows) == len(labels)
    for end in ("source_ip", "source_port", "destination_ip", "destination_port", "protocol"):
        assert (both[end] == both[f"{end}_told"]).all(), end
    assert (both["label"] == both["label_told"]).all()
    assert set(labels["label"]) == {"normal", "attack"}
    # Opened before its first packet, and that was sent at once.
    waited_s = (both["start_ns"] - both["start_ns_told"]) / 1e9
    assert waited_s.min() >= 0
    assert waited_s.max() < 0.5


def test_flows_were_captured_from_their_beginning(flows: pl.DataFrame) -> None:
    assert not flows.select("is_midstream", "was_turned", "is_continued").to_numpy().any()
    assert set(flows["end_reason"]) == {"fin", "rst", "capture"}
    tcp = flows.filter(pl.col("protocol") == 6)
    assert (tcp["syn_packets"] > 0).all()
    assert flows["out_of_order"].sum() == 0


def test_a_flow_that_settings_cut_keeps_its_label(flows: pl.DataFrame) -> None:
    cut = network_flows(settings=TrackSettings(idle_s=1.0))
    assert len(cut) > len(flows)
    assert cut["label"].null_count() == 0
    assert cut.select("capture", "community_id", "label").unique().height == len(flows)


def test_there_is_enough_of_everything(flows: pl.DataFrame) -> None:
    attacks = flows.filter(pl.col("label") == "attack")
    assert 6 <= flows["capture"].n_unique() - attacks["capture"].n_unique() <= 10
    for family in FAMILIES:
        found = attacks.filter(pl.col("activity").str.starts_with(family))
        assert found["capture"].n_unique() >= 2, family
        assert len(found) >= 20, family
    assert 0.05 < len(attacks) / len(flows) < 0.4


def test_attacks_are_amid_ordinary_use(flows: pl.DataFrame) -> None:
    """From the same clients, to the same servers, in the same captures, under the same names."""
    is_attack = pl.col("label") == "attack"
    attacked = flows.filter(is_attack.any().over("capture"))
    assert (attacked.group_by("capture").agg(is_attack.mean())["label"] < 0.5).all()
    for end in ("source_ip", "destination_ip"):
        normal = {tuple(row) for row in attacked.filter(~is_attack)["capture", end].rows()}
        assert {tuple(row) for row in attacked.filter(is_attack)["capture", end].rows()} <= normal
    names = sorted(set(flows["capture"]))
    assert all(re.fullmatch(r"capture-\d\d\.pcap", name) for name in names)
    places = [names.index(name) for name in set(attacked["capture"])]
    assert min(places) < 4
    assert max(places) > len(names) - 4


def test_addresses_are_made_up(flows: pl.DataFrame, manifest: dict[str, Any]) -> None:
    assert set(flows["source_ip"]) == set(manifest["clients"])
    assert set(flows["destination_ip"]) == set(manifest["servers"])
    assert all(a.startswith("10.") for a in manifest["clients"] + manifest["servers"])


def test_no_place_tells_the_class(flows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each column alone, on captures that it was not looked at in; the README has the table.

    What remains is behaviour: a scan sends no payload, a tunnel through names sends long names.
    """
    monkeypatch.syspath_prepend(KIT)
    from network import telling

    places, behaviours = telling.places(flows), telling.behaviours(flows)
    told = "\n".join(f"{one.column} {one.mean:.3f}" for one in (*places, *behaviours[:8]))
    assert {one.column for one in places} == set(telling.PLACES)
    assert max(one.mean for one in places) < 0.7, told
    for column in ("forward_ttl_min", "backward_ttl_max", "vlan", "ip_version"):
        assert _of(places, column).mean == pytest.approx(0.5, abs=0.01), column
    # Something is to be learned, and no single feature is all of it.
    assert 0.7 < behaviours[0].mean < 0.9, told


def test_what_places_tell_is_found_where_it_is_planted(
    flows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(KIT)
    from network import telling

    leaking = flows.with_columns(
        pl.when(pl.col("label") == "attack").then(63).otherwise(64).alias("forward_ttl_min")
    )
    assert telling.places(leaking)[0].column == "forward_ttl_min"
    assert telling.places(leaking)[0].mean == 1.0


def test_the_readme_has_the_tables_of_the_review(
    flows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(KIT)
    import review_network
    from network import telling

    readme = (network_path().parent / "README.md").read_text().splitlines()
    review_network.print_captures(flows)
    review_network.print_activities(flows)
    review_network.print_tellings("places", telling.places(flows))
    printed = [line for line in capsys.readouterr().out.splitlines() if line]
    assert len(printed) > 50
    assert [line for line in printed if line not in readme] == []


def test_another_archive_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.pcap"
    other.write_bytes(b"no capture")
    with pytest.raises(InputError, match=r"holds no labels\.csv"):
        network_flows(other)


def _of(tellings: list[Telling], column: str) -> Telling:
    return next(one for one in tellings if one.column == column)
