"use strict";
// The curves, tables and weights of finished runs.
const data = JSON.parse(document.getElementById("data").textContent), runs = data.runs;
const NS = "http://www.w3.org/2000/svg", W = 380, H = 230, LEFT = 52, RIGHT = 10, TOP = 24, FOOT = 28;
const smooth = document.getElementById("smooth"), logs = document.getElementById("log");
const read = document.getElementById("read");
const color = i => data.colors[i % data.colors.length];
// A quantity has a panel: its training curve is dashed, its validation curve is whole.
const quantities = [...new Set(runs.flatMap(run => Object.keys(run.curves).map(name => name.replace(/^val_/, ""))))];

function table() {
  const place = document.getElementById("reached");
  html("h2", "What was reached", place);
  const made = html("table", null, place, runs.length > 1 ? "runs" : ""), head = html("tr", null, made);
  for (const text of [...(runs.length > 1 ? ["run"] : []), "quantity", "last", "best", "in epoch"]) html("th", text, head);
  for (const run of runs) for (const [name, [last, best, epoch]] of Object.entries(run.reached)) {
    const row = html("tr", null, made);
    for (const text of [...(runs.length > 1 ? [run.name] : []), name.replaceAll("_", " "), last, best ?? "", epoch ?? ""]) {
      html("td", text, row);
    }
  }
}
// Means that forget: each point is a share of the one before, and corrected for its start at 0.
function smoothed(values, share) {
  let mean = 0, weight = 0;
  return values.map(v => {
    if (v === null) return null;
    mean = share * mean + (1 - share) * v; weight = share * weight + 1 - share;
    return mean / weight;
  });
}
function element(name, attributes, parent, text) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}
function ticks(low, high) {
  const raw = (high - low) / 4 || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(k => k * power).find(k => k >= raw);
  const made = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step) made.push(Number(t.toPrecision(10)));
  return made;
}
const brief = x => Math.abs(x) >= 1e5 || (x && Math.abs(x) < 1e-3) ? x.toExponential(1) : String(Number(x.toPrecision(4)));
function panel(name, place) {
  const holder = html("div", null, place), share = Number(smooth.value);
  const svg = element("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `the curve of ${name}` }, holder);
  element("text", { x: LEFT, y: 14, style: "font-weight: 600; fill: var(--ink)" }, svg, name.replaceAll("_", " "));
  const lines = runs.flatMap((run, i) => ["", "val_"].filter(kind => run.curves[kind + name]).map(kind => ({
    run, kind, stroke: color(runs.length > 1 ? i : kind ? 1 : 0), raw: run.curves[kind + name] })));
  const positive = lines.every(line => line.raw.every(v => v === null || v > 0));
  const scale = logs.checked && positive ? Math.log10 : v => v;
  const all = lines.flatMap(line => line.raw.filter(v => v !== null).map(scale));
  const xs = runs.flatMap(run => run.epochs);
  let low = Math.min(...all), high = Math.max(...all);
  if (low === high) { low -= 0.5; high += 0.5; }
  const first = Math.min(...xs), last = Math.max(...xs, first + 1);
  const x = v => LEFT + (v - first) / (last - first) * (W - LEFT - RIGHT);
  const y = v => H - FOOT - (scale(v) - low) / (high - low) * (H - TOP - FOOT);
  for (const t of ticks(low, high)) {
    const at = H - FOOT - (t - low) / (high - low) * (H - TOP - FOOT);
    element("line", { x1: LEFT, x2: W - RIGHT, y1: at, y2: at, class: "grid" }, svg);
    element("text", { x: LEFT - 6, y: at + 4, "text-anchor": "end" }, svg, brief(scale === Math.log10 ? 10 ** t : t));
  }
  for (const t of ticks(first, last)) if (Number.isInteger(t)) {
    element("text", { x: x(t), y: H - FOOT + 16, "text-anchor": "middle" }, svg, String(t));
  }
  element("line", { x1: LEFT, x2: W - RIGHT, y1: H - FOOT, y2: H - FOOT, class: "axis" }, svg);
  const path = (line, values) => {
    let d = "", on = false;
    values.forEach((v, k) => { if (v === null) { on = false; return; }
      d += `${on ? "L" : "M"}${x(line.run.epochs[k]).toFixed(1)} ${y(v).toFixed(1)}`; on = true; });
    return d;
  };
  for (const line of lines) {
    const style = `stroke: ${line.stroke}`, dash = line.kind || !lines.some(l => l.kind) ? {} : { "stroke-dasharray": "5 3" };
    if (share) element("path", { d: path(line, line.raw), class: "raw", style }, svg);
    element("path", { d: path(line, share ? smoothed(line.raw, share) : line.raw), style, ...dash }, svg);
  }
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), at = first + ((event.clientX - box.left) / box.width * W - LEFT) /
      (W - LEFT - RIGHT) * (last - first);
    read.textContent = lines.map(line => {
      const k = line.run.epochs.reduce((best, e, i) => Math.abs(e - at) < Math.abs(line.run.epochs[best] - at) ? i : best, 0);
      const value = line.raw[k];
      return `${[line.run.name, line.kind + name].filter(Boolean).join(" ")} ${value === null ? "–" : brief(value)} in epoch ${line.run.epochs[k]}`;
    }).join("; ");
  });
}
function curves() {
  const place = document.getElementById("curves");
  place.replaceChildren();
  for (const name of quantities) panel(name, place);
}
function legend() {
  const place = document.getElementById("legend");
  const key = (text, stroke, dashed) => {
    const made = html("span", null, place, "key"), mark = html("i", null, made);
    mark.style.borderTopColor = stroke; mark.style.borderTopStyle = dashed ? "dashed" : "solid";
    made.append(text);
  };
  if (runs.length > 1) runs.forEach((run, i) => key(run.name, color(i), false));
  const held = runs.some(run => Object.keys(run.curves).some(name => name.startsWith("val_")));
  if (held) {
    key("training", runs.length > 1 ? "currentColor" : color(0), true);
    key("validation", runs.length > 1 ? "currentColor" : color(1), false);
  }
}
function weights() {
  if (!data.weights.length) return;
  const place = document.getElementById("weights");
  html("h2", "Weights at the end", place);
  const grid = html("div", null, place, "panels");
  for (const one of data.weights) {
    const holder = html("div", null, grid);
    html("h3", `${one.n}   ${one.s}`, holder);
    array(holder, "weight", one.v);
    array(holder, "gradient", one.d);
  }
}
function facts() {
  const place = document.getElementById("facts");
  html("h2", "Settings and versions", place);
  const made = html("table", null, place, "facts");
  for (const [name, value] of Object.entries(data.facts)) {
    const row = html("tr", null, made);
    html("td", name, row); html("td", value, row);
  }
}
table(); legend(); curves(); weights(); facts();
smooth.addEventListener("input", curves);
logs.addEventListener("change", curves);
