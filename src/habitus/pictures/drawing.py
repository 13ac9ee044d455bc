"""`Drawing`: a picture as plain SVG, which a page, a notebook and a viewer of images all show.

It needs neither a script nor a library. On a page its colours are names of the page's style sheet,
light or dark as the reader has it; by itself it carries the light ones and its own ground.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from habitus.pictures.page import escaped
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    Place = tuple[float, float]

PALETTE = {
    "ground": "#fbfbf9", "raised": "#f1f2ef", "ink": "#1a2124", "quiet": "#535c61",
    "line": "#d3d8d6", "mark": "#0b6e69", "series-0": "#0b6e69", "series-1": "#ad4f09",
    "series-2": "#3551b5", "series-3": "#9c2c69", "series-4": "#6b6a00", "series-5": "#5a4a42",
    "normal": "#4c6a92", "attack": "#b5341f",
}  # fmt: skip
"""Of the results card's style sheet, in the light."""
TEXT_PX = 13
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif"
_MAX_TITLED = 400
"""Dots that each tell something when they are pointed at; more are one path, without words."""


@dataclass(frozen=True)
class Mark:
    """An element of a drawing.

    Attributes:
        colours: by attribute, as names of the palette.
        text: what it writes; ``title`` what it tells when it is pointed at.
    """

    tag: str
    attributes: Mapping[str, str | float]
    colours: Mapping[str, str]
    text: str = ""
    title: str = ""

    def written(self, *, by_name: bool) -> str:
        """As SVG, its colours by the names of a style sheet or as they are in the light."""
        parts = [f'{name}="{_number(value)}"' for name, value in self.attributes.items()]
        for name, colour in self.colours.items():
            parts.append(f'{name}="{f"var(--{colour})" if by_name else PALETTE[colour]}"')
        within = f"<title>{escaped(self.title)}</title>" if self.title else ""
        within += escaped(self.text)
        head = f"<{self.tag} {' '.join(parts)}"
        return f"{head}>{within}</{self.tag}>" if within else f"{head}/>"


@dataclass
class Drawing:
    """A picture that grows mark by mark; places are pixels from its upper left corner.

    Attributes:
        alternative: what there is to see, in words, for those who cannot.
    """

    width: float
    height: float
    alternative: str
    marks: list[Mark] = field(default_factory=list)

    def line(
        self, places: Sequence[Place], colour: str, *,
        width: float = 1.5, dash: str = "", opacity: float = 1.0, title: str = "",
    ) -> None:  # fmt: skip
        """Straight lines from place to place."""
        if len(places) < 2:
            return
        attributes: dict[str, str | float] = {
            "d": "M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in places),
            "fill": "none", "stroke-width": width, "stroke-linejoin": "round",
        }  # fmt: skip
        if dash:
            attributes["stroke-dasharray"] = dash
        if opacity < 1:
            attributes["stroke-opacity"] = opacity
        self.marks.append(Mark("path", attributes, {"stroke": colour}, title=title))

    def dots(
        self, places: Sequence[Place], colour: str, *,
        radius: float = 4, opacity: float = 1.0, titles: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Discs; of many, one path that draws them all."""
        if not places:
            return
        if titles and len(places) <= _MAX_TITLED:
            for (x, y), title in zip(places, titles, strict=True):
                disc = {"cx": x, "cy": y, "r": radius, "fill-opacity": opacity}
                self.marks.append(Mark("circle", disc, {"fill": colour}, title=title))
            return
        attributes: dict[str, str | float] = {
            "d": "".join(f"M{_number(x)} {_number(y)}h0" for x, y in places),
            "stroke-width": 2 * radius, "stroke-linecap": "round", "stroke-opacity": opacity,
        }  # fmt: skip
        self.marks.append(Mark("path", attributes, {"stroke": colour}))

    def diamond(self, x: float, y: float, colour: str, *, size: float = 5, title: str = "") -> None:
        """A square on its corner."""
        corners = ((x, y - size), (x + size, y), (x, y + size), (x - size, y))
        path = "M" + "L".join(f"{_number(a)} {_number(b)}" for a, b in corners) + "Z"
        self.marks.append(Mark("path", {"d": path}, {"fill": colour}, title=title))

    def box(
        self, x: float, y: float, width: float, height: float, colour: str, *,
        opacity: float = 1.0, title: str = "",
    ) -> None:  # fmt: skip
        """A filled rectangle."""
        attributes = {"x": x, "y": y, "width": width, "height": max(0.0, height)}
        if opacity < 1:
            attributes["fill-opacity"] = opacity
        self.marks.append(Mark("rect", attributes, {"fill": colour}, title=title))

    def text(
        self, x: float, y: float, text: str, *,
        anchor: str = "start", colour: str = "ink", size: float = TEXT_PX, turned: bool = False,
        bold: bool = False,
    ) -> None:  # fmt: skip
        """Words; ``turned`` ones are read from below upwards."""
        attributes: dict[str, str | float] = {"x": x, "y": y, "font-size": size}
        if anchor != "start":
            attributes["text-anchor"] = anchor
        if bold:
            attributes["font-weight"] = 650
        if turned:
            attributes["transform"] = f"rotate(-90 {_number(x)} {_number(y)})"
        self.marks.append(Mark("text", attributes, {"fill": colour}, text))

    def markup(self) -> str:
        """SVG for a page whose style sheet names the colours."""
        return self._written(by_name=True)

    def svg(self) -> str:
        """SVG that stands for itself."""
        return self._written(by_name=False)

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.svg()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as an SVG file."""
        with atomic_write(path) as file:
            file.write(self.svg().encode())

    def _written(self, *, by_name: bool) -> str:
        width, height = _number(self.width), _number(self.height)
        # By itself it has a size and a ground; on a page both are the page's.
        own = "" if by_name else f' width="{width}" height="{height}"'
        ground = "" if by_name else (
            f'<rect width="{width}" height="{height}" fill="{PALETTE["ground"]}"/>\n'
        )  # fmt: skip
        marks = "\n".join(mark.written(by_name=by_name) for mark in self.marks)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"{own} '
            f'role="img" aria-label="{escaped(self.alternative)}" font-family="{_FONT}">\n'
            f"{ground}{marks}\n</svg>\n"
        )


def _number(value: str | float) -> str:
    """A place in tenths of a pixel: nobody sees more, and a page of thousands would carry it."""
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
