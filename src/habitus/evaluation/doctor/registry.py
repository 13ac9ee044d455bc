"""The checks: each a kind of finding, and the function that looks for it.

To add one: a `Kind` and a function in the file of its subject, and a line here. The reference page
of the documentation and the tests find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.doctor import (
    duplicates,
    endings,
    file_names,
    left_out,
    lengths,
    near_duplicates,
    numbering,
    recordings,
    shifted_numbers,
    shortcuts,
    threads,
    times,
    vocabulary,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitus.evaluation.doctor.examined import Examined
    from habitus.evaluation.doctor.findings import Finding, Kind

    Check = Callable[[Examined], Iterator[Finding]]

CHECKS: tuple[tuple[Kind, Check], ...] = (
    (shortcuts.SHORTCUT, shortcuts.shortcuts),
    (duplicates.NORMALS_KNOWN, duplicates.normals_equal_learned),
    (duplicates.ATTACKS_NORMAL, duplicates.attacks_equal_normals),
    (duplicates.ATTACKS_KNOWN, duplicates.attacks_equal_learned),
    (duplicates.REPEATED, duplicates.repeated_traces),
    (near_duplicates.NEAR_DUPLICATES, near_duplicates.near_duplicates),
    (vocabulary.UNSEEN_CALLS, vocabulary.unseen_calls),
    (vocabulary.UNSEEN_IN_ATTACKS, vocabulary.unseen_calls_in_attacks),
    (vocabulary.MIXED_ALPHABETS, vocabulary.mixed_alphabets),
    (vocabulary.LITTLE_OVERLAP, vocabulary.little_overlap),
    (vocabulary.UNKNOWN_NAMES, vocabulary.unknown_names),
    (shifted_numbers.SHIFTED_NUMBERS, shifted_numbers.shifted_numbers),
    (numbering.WRONG_TABLE, numbering.wrong_call_table),
    (numbering.OTHER_LIST, numbering.published_list),
    (recordings.SEVERAL_PROGRAMS, recordings.several_programs),
    (recordings.LABEL_IS_RECORDING, recordings.label_is_recording),
    (recordings.FEW_RECORDINGS, recordings.few_recordings),
    (recordings.TORN_RECORDINGS, recordings.torn_recordings),
    (recordings.PROGRAM_IS_LABEL, recordings.program_is_label),
    (times.BACKWARDS, times.times_backwards),
    (times.LEARNED_LATER, times.learned_after_test),
    (times.AT_ONCE, times.recorded_at_once),
    (threads.SEVERAL_THREADS, threads.several_threads),
    (threads.INTERLEAVED, threads.interleaved_processes),
    (threads.REUSED_ID, threads.reused_process_id),
    (lengths.SHORT_TRACES, lengths.short_traces),
    (lengths.LENGTHS_DIFFER, lengths.lengths_differ),
    (endings.LENGTH_CAP, endings.length_cap),
    (endings.UNUSUAL_ENDS, endings.unusual_ends),
    (endings.ENDS_DIFFER, endings.ends_differ),
    (left_out.FILES_LEFT_OUT, left_out.files_left_out),
    (left_out.BROKEN_LINES, left_out.broken_lines),
    (left_out.CUT_OFF, left_out.cut_off_files),
    (file_names.UNSAFE_NAMES, file_names.unsafe_names),
    (file_names.CASE_ALIKE, file_names.names_differ_in_case),
)
"""In the order in which findings of one severity are told."""
