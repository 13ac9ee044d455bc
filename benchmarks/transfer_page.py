"""The page of `transfer.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common import table

if TYPE_CHECKING:
    from kept import Row

Found = Mapping[str, Any]


def lines_of(
    pairs: Sequence[Found],
    abis: Sequence[Found],
    matrices: Mapping[str, Mapping[tuple[str, str], Row]],
) -> Iterator[str]:
    """The page, line by line."""
    yield "# What carries over"
    yield ""
    yield (
        "A model learned one site, machine or ABI and judges another. Detectors have their "
        "defaults and learn with seed 1; no attack chose anything. Areas with 95 % intervals "
        "(cluster bootstrap, as each data set's protocol says). *At 1 %*: attacks found with a "
        "threshold at which 1 % of the judged normals alarm, which nobody has who has no normals "
        "of the new site. *Brought along*: found, and in brackets false alarms, with the "
        "threshold for 1 % that the model set where it learned: what one gets who installs it."
    )
    yield ""
    yield from _short(pairs, abis, matrices)
    yield from ("## The same program at another site", "")
    yield (
        "Judged is the same half of a site's normals, and its attacks, whoever learned: the site's "
        "own other half, or all normals of the other site. lpr's sets are brought to one numbering "
        "of calls, and of UNM's attacks `exploit-unm` is judged; what is wrong with these sets, "
        "MIT's lpr above all, whose attacks were not recorded where its normals were: "
        "[UNM, MIT and CERT](unm.md). Networks on one of the four: "
        "[learned here, judged there](portability.md)."
    )
    yield ""
    for pair in pairs:
        yield from _pair(pair)
    yield from ("## Another ABI", "")
    yield (
        "Calls are known by name, so a model of i386 can read x86_64. But names differ: `mmap2` is "
        "`mmap`, `_llseek` is `lseek`, `stat64` is `newfstatat`, and `socketcall` is each call on "
        "a socket. Of LID-DS six threads are learned, too few for a threshold that any score "
        "reaches. *As they are*: names as the tables have them. *One name*: one for what is one "
        "call (`benchmarks/transfer_names.py`), both where a model learns and where it judges. "
        "Between the sets it is not the ABI alone that differs, but programs, decade and "
        "recorder, too."
    )
    yield ""
    for abi in abis:
        yield from _abi(abi)
    yield from ("## Another program on the same machine", "")
    yield (
        "The control: the shipped recordings, one machine, one ABI, one recorder. A model of each "
        "program judges each; the runs of a program that its own model did not learn. AUC, in "
        "brackets found and false alarms with the threshold brought along. A few runs: the area of "
        "a cell rests on six normal recordings and nine with an attack."
    )
    yield ""
    for name, matrix in matrices.items():
        programs = sorted({learned for learned, _ in matrix})
        yield from table(
            (f"`{name}` learned", *(f"judges {program}" for program in programs)),
            [
                (learned, *(_cell(matrix[learned, judged]) for judged in programs))
                for learned in programs
            ],
        )
        yield ""


def _range(rows: Iterable[Row], what: str = "auc") -> str:
    values = [row[what] if what == "auc" else row["carried"][what] for row in rows]
    shown = [f"{value:.2f}" if what == "auc" else f"{value:.0%}" for value in values]
    low, high = (shown[values.index(end)] for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _short(
    pairs: Sequence[Found],
    abis: Sequence[Found],
    matrices: Mapping[str, Mapping[tuple[str, str], Row]],
) -> Iterator[str]:
    """What there is to say, with the numbers that say it."""
    mit, unm = pairs[0]["rows"].values(), pairs[1]["rows"].values()
    adfa, demo = (abi["columns"] for abi in abis)
    i386, x86_64 = abis[0]["here"], abis[1]["here"]
    lent, own = (
        adfa[x86_64, "one name"]["rows"].values(),
        adfa[i386, "as they are"]["rows"].values(),
    )
    off = [row for matrix in matrices.values() for (a, b), row in matrix.items() if a != b]
    on = [row for matrix in matrices.values() for (a, b), row in matrix.items() if a == b]
    yield ("**In short: an order may carry over, a threshold hardly ever does.**")
    yield ""
    yield (
        "- *Another site.* Models of MIT's lpr put UNM's attacks above its normals nearly as well "
        f"as UNM's own do (areas {_range(row['lent'] for row in unm)} against "
        f"{_range(row['own'] for row in unm)}; MIT recorded five times as many normals). The other "
        "way round, normals that were never recorded are stranger than the attacks "
        f"({_range(row['lent'] for row in mit)}). And with the threshold that it brings, MIT's "
        f"model alarms at {_range((row['lent'] for row in unm), 'false alarms')} of UNM's normals."
    )
    yield (
        "- *Another ABI.* By names alone a model of the other ABI is worth little. With one name "
        "for one call, models of the shipped programs judge ADFA-LD at areas of "
        f"{_range(lent)}, its own at {_range(own)}: not because intrusions are known "
        "everywhere, but because what they find on ADFA-LD is in good part what counting finds, "
        f"too ({abis[0]['counted']['auc']:.2f}), and "
        "[the same processes in every folder](limits.md#the-same-processes-in-every-folder). "
        f"They alarm at {_range(lent, 'false alarms')} of its normals. On the shipped programs "
        "models of ADFA-LD with one name reach "
        f"{_range(demo[i386, 'one name']['rows'].values())}, their own "
        f"{_range(demo[x86_64, 'as they are']['rows'].values())}."
    )
    yield (
        "- *Another program on the same machine* is as bad: "
        f"{_range(off)} where the program's own model has {_range(on)}. What is learned is a "
        "program, and neither a system nor what an attack is."
    )
    yield (
        "- So: learn where you judge. Where a model must be taken along, set its threshold anew on "
        "normals of the new place ([how](../how-to/set-a-threshold.md)), and look first at what "
        "has changed ([how](../how-to/check-for-drift.md))."
    )
    yield ""


def _pair(pair: Found) -> Iterator[str]:
    yield from (f"### {pair['here']} judged", "")
    shared, unknown = pair["shared"], pair["unknown"]
    yield (
        f"{pair['n_normal']:,} normals and {pair['n_attack']:,} attacks. Of {pair['there']} "
        f"{pair['n_lent']:,} normals are learned; {shared['normal']:.0%} of the judged normals and "
        f"{shared['attack']:.0%} of the attacks equal one of them, and {unknown['calls']:.1%} of "
        f"the judged calls have a number never seen there."
    )
    yield ""
    rows: list[tuple[str, ...]] = [
        (f"`{name}`", *_side(row["own"]), *_side(row["lent"])) for name, row in pair["rows"].items()
    ]
    best = pair["counted"]
    counted = (f"{best['auc']:.3f}", f"{best['found']:.0%}", "")
    rows.append(("*counting calls, at best*", *counted, *[""] * 3))
    own, lent = "its own", f"{pair['there']}"
    yield from table(
        (
            "learned", own, "at 1 %", "brought along", lent, "at 1 %", "brought along",
        ), rows,
    )  # fmt: skip
    yield ""


def _side(row: Row) -> tuple[str, str, str]:
    interval, carried = row["interval"], row["carried"]
    told = "" if interval is None else f" ({interval[0]:.3f}-{interval[1]:.3f})"
    return (
        f"{row['auc']:.3f}{told}", f"{row['found']:.0%}",
        f"{carried['found']:.0%} ({carried['false alarms']:.0%})",
    )  # fmt: skip


def _cell(row: Row) -> str:
    carried = row["carried"]
    return f"{row['auc']:.3f} ({carried['found']:.0%}, {carried['false alarms']:.0%})"


def _abi(abi: Found) -> Iterator[str]:
    yield from (f"### {abi['here']} judged", "")
    columns = abi["columns"]
    names = list(next(iter(columns.values()))["rows"])
    rows: list[tuple[str, ...]] = []
    for (lender, naming), column in columns.items():
        own = lender == abi["here"]
        unknown = column["unknown"]
        rows.append(
            (
                f"{'its own' if own else lender}, {naming}", f"{unknown['calls']:.0%}",
                f"{unknown['traces']:.0%}", *(_cell(column["rows"][name]) for name in names),
            )
        )  # fmt: skip
    best = abi["counted"]
    rows.append(("*counting calls, at best*", "", "", f"{best['auc']:.3f}", *[""] * len(names[1:])))
    yield (
        "AUC, in brackets found and false alarms with the threshold brought along; first, the "
        "share of the judged calls with a name never learned, and of the traces that hold one."
    )
    yield ""
    yield from table(("learned", "calls unknown", "traces", *(f"`{name}`" for name in names)), rows)
    yield ""
