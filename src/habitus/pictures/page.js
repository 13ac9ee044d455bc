// Draws every figure of the page in the colours of its style sheet, and again when those change.
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const narrow = matchMedia("(max-width: 30rem)");
// A finger scrolls the page; dragging would zoom instead and hold the reader fast.
const touch = matchMedia("(pointer: coarse)");
const shades = {
  light: ["#d9ebe6", "#a9d5cc", "#57aaa5", "#1c7480", "#103f5c", "#0b1f38"],
  dark: ["#1d3238", "#1f5360", "#27808a", "#52b3a5", "#a7dcae", "#f6f7d2"],
};
// From low by nothing to high.
const halves = {
  light: ["#8f3f00", "#dd9a5e", "#f1f0ec", "#57aaa5", "#0b5a66"],
  dark: ["#f6b26b", "#8a5426", "#1e2427", "#27808a", "#9be3d6"],
};

const config = {
  responsive: true, displaylogo: false, typesetMath: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]], // none that sends
};

function template() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const steps = dark.matches ? shades.dark : shades.light;
  const spread = (shades) => shades.map((shade, i) => [i / (shades.length - 1), shade]);
  const scale = spread(steps), diverging = spread(dark.matches ? halves.dark : halves.light);
  const family = getComputedStyle(document.body).fontFamily;
  const axis = { gridcolor: colour("--line"), linecolor: colour("--line"), zerolinecolor: colour("--line") };
  return {
    layout: {
      paper_bgcolor: colour("--ground"), plot_bgcolor: colour("--ground"),
      font: { color: colour("--ink"), family },
      xaxis: axis, yaxis: axis,
      coloraxis: { colorscale: scale }, colorscale: { sequential: scale, diverging },
      colorway: dark.matches
        ? ["#62c8be", "#f0a35e", "#9db8ff", "#e58bb5", "#d9d66b", "#b9b9b9"]
        : ["#0b6e69", "#b4530a", "#3551b5", "#9c2c69", "#6b6a00", "#5a5a5a"],
      shapedefaults: { opacity: 0.5, line: { color: colour("--quiet"), width: 1 } },
      hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--line"), font: { color: colour("--ink"), family } },
    },
  };
}

for (const figure of document.querySelectorAll("figure.picture")) {
  const views = JSON.parse(figure.querySelector("script").textContent);
  const plot = figure.querySelector(".plot");
  const chosen = () => Number(figure.querySelector("input:checked")?.value ?? 0);
  const draw = () => {
    const { data, layout, narrow: small } = views[chosen()];
    const fitted = { ...layout, ...(narrow.matches ? small : {}), template: template() };
    if (touch.matches) fitted.dragmode = false;
    Plotly.react(plot, data, fitted, { ...config, displayModeBar: !touch.matches });
  };
  figure.addEventListener("change", draw);
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
  draw();
}
