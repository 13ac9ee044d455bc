"""Names, numbers and families of Linux system calls, per ABI.

The lowest floor of Habitus: it imports nothing but the standard library, and reads its data
files only when first asked.

>>> name_of("i386", 11)
'execve'
>>> family_of(name_of("i386", 11))
'process'
"""

from habitus.syscalls.families import FAMILIES, family_of
from habitus.syscalls.names import ABIS, name_of, names_by_number, number_of

__all__ = ["ABIS", "FAMILIES", "family_of", "name_of", "names_by_number", "number_of"]
