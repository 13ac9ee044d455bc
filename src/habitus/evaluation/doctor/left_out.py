"""What reading left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.doctor.findings import Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.doctor.examined import Examined

FILES_LEFT_OUT = Kind(
    id="files-left-out",
    meaning="Files, or parts of files, that could not be read or that no format recognises.",
    effect="Whatever they hold is in no number; if it is attacks, or the odd normals, results are "
    "too good.",
    remedy="Look at the examples: name the format (--format), fetch damaged files again, or take "
    "away what is no trace.",
    warning=0.01,
    serious=0.1,
    reason="a hundredth may hide any rate of 1 %; one or two files that no format recognises are "
    "a read-me or a licence, likelier than data, and a note whatever their share",
)
BROKEN_LINES = Kind(
    id="broken-lines",
    meaning="Lines, or traces, that could not be understood and were passed over.",
    effect="Calls are missing in the middle of traces, or traces end early; both look strange to a "
    "detector.",
    remedy="See the first of them with --strict; name the format (--format) or record again.",
    warning=0.001,
    serious=0.05,
    reason="share of broken lines among calls and broken lines; each one spoils several windows",
)
CUT_OFF = Kind(
    id="cut-off-files",
    meaning="Files that are damaged or end in the middle of something.",
    effect="Their last traces are shorter than they were: an attack at the end of a recording is "
    "lost under its label.",
    remedy="Fetch or record them again.",
    warning=0.0,
    serious=0.1,
    reason="each one is a recording that is not whole",
)
_FEW = 2
_UNRECOGNISED = "no format recognises it"
_DAMAGE = ("read only as far as", "damaged", "cut off", "cut short", "truncated")


def files_left_out(examined: Examined) -> Iterator[Finding]:
    """Files that were not read."""
    report = examined.report
    if report is None or not report.n_skipped:
        return
    total = report.n_files + report.n_skipped
    is_papers = report.n_skipped <= _FEW and all(_UNRECOGNISED in why for why in report.skipped)
    yield FILES_LEFT_OUT.finding(
        f"left out: {report.n_skipped:,} of {total:,} files",
        report.n_skipped,
        total,
        examples=report.skipped,
        graded_by=0.0 if is_papers else None,
    )


def broken_lines(examined: Examined) -> Iterator[Finding]:
    """Lines that were passed over."""
    report = examined.report
    if report is None or not report.n_broken:
        return
    yield BROKEN_LINES.finding(
        f"passed over: {report.n_broken:,} broken lines or traces, beside {report.n_calls:,} calls "
        "that were read",
        report.n_broken,
        report.n_calls + report.n_broken,
        examples=report.broken,
    )


def cut_off_files(examined: Examined) -> Iterator[Finding]:
    """Files that are not whole, as far as reading noticed."""
    report = examined.report
    if report is None:
        return
    told = [text for text in (*report.skipped, *report.broken) if any(d in text for d in _DAMAGE)]
    noted = {note: n for note, n in report.notes.items() if any(d in note for d in _DAMAGE)}
    count = len(told) + sum(noted.values())
    if count:
        yield CUT_OFF.finding(
            f"damaged or cut off: {count:,} files or calls, as far as the reading's examples tell",
            count,
            max(report.n_files + report.n_skipped, count),
            examples=[*told, *(f"{note}: {n:,}" for note, n in noted.items())],
        )
