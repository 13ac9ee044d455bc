// Draws every figure of the page in the colours of its style sheet, and again when those change.
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 40rem)");
// A finger scrolls the page; dragging would zoom instead and hold the reader fast.
const touch = matchMedia("(pointer: coarse)");

function colour(token) {
  const [name, alpha] = token.slice(1).split("/");
  const value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  if (!alpha) return value;
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(value.slice(i, i + 2), 16));
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

// Only what is a colour by its key is taken for one: a name from the data may look like a token.
function painted(value, key = "") {
  if (typeof value === "string") return /color$/.test(key) && value.startsWith("@") ? colour(value) : value;
  if (Array.isArray(value)) return value.map((inner) => painted(inner));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, painted(inner, name)]));
}

function template() {
  const line = colour("@line");
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, title: { standoff: 8 }, automargin: true };
  return {
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("@ink"), family: getComputedStyle(document.body).fontFamily, size: 13 },
      xaxis: axis, yaxis: axis,
      hoverlabel: {
        bgcolor: colour("@raised"), bordercolor: line, align: "left",
        font: { color: colour("@ink") },
      },
      annotationdefaults: { font: { color: colour("@ink") } },
    },
  };
}

for (const figure of document.querySelectorAll("figure.picture")) {
  const { data, layout, narrow: small, views } = JSON.parse(figure.querySelector("script").textContent);
  const plot = figure.querySelector(".plot");
  const draw = () => {
    const chosen = Number(figure.querySelector("input:checked")?.value ?? 0);
    const fitted = painted({ ...layout, ...(views[chosen] ?? {}), ...(narrow.matches ? small : {}) });
    fitted.template = template();
    if (touch.matches) fitted.dragmode = false;
    plot.style.minHeight = "";
    // Its buttons would stand within what readers of the screen are told is one picture.
    Plotly.react(plot, painted(data), fitted, { responsive: true, displayModeBar: false });
  };
  const save = figure.appendChild(document.createElement("button"));
  save.type = "button";
  save.textContent = "Save as picture";
  save.setAttribute("aria-label", `Save “${figure.querySelector("figcaption").textContent}” as a picture`);
  save.addEventListener("click", () => Plotly.downloadImage(plot, { format: "svg", filename: figure.id }));
  figure.addEventListener("change", draw);
  for (const query of [dark, narrow]) query.addEventListener("change", draw);
  draw();
}
