"""Draw the pictures of the documentation from real output: `python scripts/make_pictures.py`."""

from __future__ import annotations

import io
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI

from habitus import api, save_model
from habitus.cli.explain import print_explanation
from habitus.datasets.home import DEMO
from habitus.datasets.source import demo_path

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WIDTH = 104


def main() -> None:
    """Explain the strangest trace of the shipped recordings, and keep what the terminal shows."""
    with tempfile.TemporaryDirectory() as folder:
        model = save_model(api.train("ngram", DEMO), Path(folder, "ngram"))
    judged, explanation = api.explain(model, demo_path())
    lines = api.source_lines(demo_path(), judged.info.source, explanation)
    terminal = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    terminal.print("$ habitus explain models/ngram demo")
    shown = judged.info.source.replace(str(demo_path()), demo_path().name)
    info = replace(judged.info, source=shown)
    print_explanation(terminal, model, replace(judged, info=info), explanation, lines)
    # Without the font that the template would fetch: a page of ours asks no other server.
    template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    picture = terminal.export_svg(
        title="habitus explain", theme=MONOKAI, code_format=template, unique_id="explain"
    )
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / "explain.svg").write_text(picture)


if __name__ == "__main__":
    main()
