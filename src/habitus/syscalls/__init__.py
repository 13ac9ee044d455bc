"""Names, numbers, families and kin of Linux system calls, per ABI.

The lowest floor of Habitus: it imports nothing but the standard library, and reads its data
files only when first asked.

>>> name_of("i386", 11)
'execve'
>>> family_of(name_of("i386", 11))
'process'
"""

from habitus.syscalls.families import FAMILIES, family_of
from habitus.syscalls.kin import danger_of, dangerous_calls, nearness, stand_ins
from habitus.syscalls.names import ABIS, name_of, names_by_number, number_of

__all__ = [
    "ABIS",
    "FAMILIES",
    "danger_of",
    "dangerous_calls",
    "family_of",
    "name_of",
    "names_by_number",
    "nearness",
    "number_of",
    "stand_ins",
]
