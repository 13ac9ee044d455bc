"""Look at cards in a headless Chromium: wide and on a phone, in light and in dark.

    python scripts/look.py -o FOLDER                      the demo's card: saves pictures of it
    python scripts/look.py REPORT.html ... -o FOLDER      other cards
    python scripts/look.py --docs                         also makes the picture of the docs

A page fails if its console shows an error, if it asks for any address, if a figure is not drawn, or
if it is wider than the screen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from browser import Browser

IMAGE = Path(__file__).parent.parent / "docs" / "images" / "card.png"
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
_DRAWN = "[...document.querySelectorAll('.plot')].map(p => !!p.querySelector('.main-svg'))"
_EXCESS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def main() -> int:
    """Look at every page; 1 if there is anything to complain of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("look"))
    parser.add_argument("--docs", action="store_true", help="make the picture of the docs")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    pages = given.pages or [demo_card(given.output)]
    failed = False
    with Browser() as browser:
        for page in pages:
            for width in WIDTHS:
                for scheme in SCHEMES:
                    browser.open(page, width, scheme)
                    said = complaints(browser)
                    name = f"{page.resolve().parent.name}-{page.stem}-{width}-{scheme}.png"
                    browser.picture(given.output / name)
                    print(f"{given.output / name}: {'; '.join(said) or 'nothing to complain of'}")
                    failed |= bool(said)
        if given.docs:
            browser.open(pages[0], 1000, "light")
            browser.picture(IMAGE, {"x": 0, "y": 0, "width": 1000, "height": 1240})
    return int(failed)


def demo_card(folder: Path) -> Path:
    """The card of the recordings that Habitus ships."""
    import habitus

    models = {name: habitus.train(name, "demo") for name in ("ngram", "stide")}
    command = "habitus evaluate ngram stide --data demo -o results/"
    habitus.evaluate(models, "demo", command=command).write(folder / "demo")
    return folder / "demo" / "report.html"


def complaints(browser: Browser) -> list[str]:
    """What is wrong with the page that is open."""
    said, browser.complaints = browser.complaints, []
    drawn = browser.value(_DRAWN)
    if not all(drawn):
        said.append(f"{drawn.count(False)} of {len(drawn)} figures are not drawn")
    if (excess := browser.value(_EXCESS)) > 0:
        said.append(f"is {excess} pixels too wide")
    return said


if __name__ == "__main__":
    raise SystemExit(main())
