"""Files that scenarios work on: made up anew for each run from its number, small and of all kinds.

Run 1 always makes the same files. Sizes differ between runs, so that the same command is seen on
files of one page and of many.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SYLLABLES = ("ka", "lo", "mi", "ter", "ran", "su", "vel", "no", "pra", "den", "ix", "or", "ul")
_C = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : %d, i, *v = malloc(sizeof(int) * (n + 1));
    for (i = 0; i < n; i++) v[i] = (i * 7919) %% 1009;
    qsort(v, n, sizeof(int), compare);
    for (i = 0; i < n; i += 10) printf("%%d\\n", v[i]);
    free(v);
    return 0;
}
"""


def make_inputs(folder: Path, run: int) -> None:
    """Write the files of one run into a new folder."""
    draw = random.Random(run)
    size = (1, 5, 2, 20)[(run - 1) % 4]
    words = ["".join(draw.choices(_SYLLABLES, k=draw.randint(1, 4))) for _ in range(400)]

    def lines(count: int) -> list[str]:
        return [" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(count)]

    def put(name: str, content: str | bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    text = lines(60 * size)
    put("text.txt", "\n".join(text) + "\n")
    changed = [line if draw.random() > 0.1 else line.upper() for line in text]
    put("changed.txt", "\n".join(changed[: -size * 2]) + "\n")
    put("words.txt", "\n".join(draw.choices(words, k=200 * size)) + "\n")
    put("sorted.txt", "\n".join(sorted(set(words))) + "\n")
    put("numbers.txt", "".join(f"{draw.randint(0, 10**6)}\n" for _ in range(200 * size)))
    rows = [(i, draw.choice(words), draw.randint(0, 999)) for i in range(100 * size)]
    put("table.csv", "id,name,value\n" + "".join(f"{i},{n},{v}\n" for i, n, v in rows))
    put("data.json", json.dumps([{"id": i, "name": n, "value": v} for i, n, v in rows], indent=1))
    items = "".join(f'<item id="{i}"><name>{n}</name></item>\n' for i, n, _ in rows)
    put("data.xml", f'<?xml version="1.0"?>\n<items>\n{items}</items>\n')
    paragraphs = "".join(f"<p>{line}</p>\n" for line in text)
    put("page.html", f"<html><head><title>page</title></head><body>\n{paragraphs}</body></html>\n")
    agents = ("curl/7.88", "Mozilla/5.0", "Wget/1.21")
    put("access.log", "".join(
        f'10.0.0.{draw.randint(1, 254)} - - [01/Jan/2024:10:{i % 60:02}:00 +0000]'
        f' "GET /{draw.choice(words)} HTTP/1.1" {draw.choice((200, 200, 304, 404, 500))} '
        f'{draw.randint(100, 9999)} "-" "{draw.choice(agents)}"\n'
        for i in range(100 * size)
    ))  # fmt: skip
    put("random.bin", draw.randbytes(20_000 * size))
    put("zeros.bin", bytes(50_000 * size))
    put("big.txt", "\n".join(lines(1_500 * size)) + "\n")
    side = 24 + 8 * size
    put("image.ppm", b"P6\n%d %d\n255\n" % (side, side) + draw.randbytes(side * side * 3))
    put("hello.c", _C % (100 * size))
    put(
        "notes.md",
        "# Notes\n\n"
        + "\n\n".join(f"## {a}\n\n{b}" for a, b in zip(words, text[:20], strict=False)),
    )
    for number in range(12 + 3 * size):
        depth = "/".join(draw.choices(("a", "b", "c", "d"), k=draw.randint(0, 3)))
        kind = draw.choice(("txt", "c", "log", "conf"))
        put(f"tree/{depth}/file{number}.{kind}", "\n".join(lines(draw.randint(1, 20 * size))))
    (folder / "tree" / "link").symlink_to("../text.txt")
    (folder / "empty").touch()
