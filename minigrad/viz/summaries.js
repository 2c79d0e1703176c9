"use strict";
// What pages show of an array: a heat map and a histogram (minigrad/viz/summaries.py makes the numbers).
function html(name, text, parent, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  parent.appendChild(made);
  return made;
}
function array(place, title, s, why) {
  if (!s && !why) return;
  html("h3", title, place);
  if (!s) { html("div", why, place); return; }
  if (s.bad) html("div", `${s.bad} of ${s.n} are not finite`, place);
  if (s.lo === undefined) return;
  if (s.n === 1) { html("code", String(s.mean), place); return; }
  if (s.map) {
    const canvas = html("canvas", null, place);
    canvas.width = s.w; canvas.height = s.h;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${title} as a heat map from ${s.lo} to ${s.hi}`);
    const zero = Number(getComputedStyle(document.documentElement).getPropertyValue("--zero"));
    const pen = canvas.getContext("2d"), image = pen.createImageData(s.w, s.h), raw = atob(s.map);
    for (let i = 0; i < raw.length; i++) {
      const byte = raw.charCodeAt(i), v = (byte - 128) / 127, a = Math.abs(v);
      const full = byte === 0 ? [255, 0, 200] : v >= 0 ? [225, 95, 10] : [20, 110, 200];
      const share = byte === 0 ? 1 : a;
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = zero + (full[c] - zero) * share;
      image.data[4 * i + 3] = 255;
    }
    pen.putImageData(image, 0, 0);
    const part = s.w * s.h < s.n ? `${s.h} × ${s.w} of ${s.all[0]} × ${s.all[1]}` : `${s.h} × ${s.w}`;
    const ends = html("div", null, place, "ends");
    html("span", `blue −${s.top}`, ends); html("span", part, ends); html("span", `orange ${s.top}`, ends);
  }
  const bars = html("div", null, place, "bars"), most = Math.max(...s.hist);
  bars.setAttribute("role", "img");
  bars.setAttribute("aria-label", `${title}: histogram from ${s.lo} to ${s.hi}, mean ${s.mean}`);
  for (const count of s.hist) html("i", null, bars).style.height = `${100 * count / most}%`;
  const ends = html("div", null, place, "ends");
  html("span", s.lo, ends); html("span", `mean ${s.mean}, norm ${s.norm}`, ends); html("span", s.hi, ends);
}
