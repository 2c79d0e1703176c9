"use strict";
// A graph that lays itself out: nodes in layers by what they were made from, each layer ordered so that few arrows
// cross. Groups of nodes (modules) are folded into one box, and unfolded by a click.
const nodes = JSON.parse(document.getElementById("data").textContent).nodes;
const NS = "http://www.w3.org/2000/svg", ROW = 74, GAP = 18, PAD = 10;
const svg = document.getElementById("canvas"), world = document.getElementById("world");
const side = document.getElementById("side"), search = document.getElementById("search");
const children = nodes.map(() => []);
nodes.forEach((node, id) => { node.id = id; node.g = node.g || []; node.p.forEach(p => children[p].push(id)); });

// -- groups: a tree of names, keyed by their path -------------------------------------------------
const groups = new Map();
for (const node of nodes) {
  for (let depth = 1; depth <= node.g.length; depth++) {
    const key = node.g.slice(0, depth).join("\u0000");
    if (!groups.has(key)) groups.set(key, { key, path: node.g.slice(0, depth), members: [], open: false });
    groups.get(key).members.push(node.id);
  }
}
const keyAt = (node, depth) => node.g.slice(0, depth).join("\u0000");
// The folded box that a node is inside of, or the node itself.
function shownAs(node) {
  for (let depth = 1; depth <= node.g.length; depth++) {
    const group = groups.get(keyAt(node, depth));
    if (!group.open) return group;
  }
  return node;
}
const visible = () => new Set(nodes.map(shownAs));
// It opens folded: level by level is unfolded as long as it can be overlooked.
for (let depth = 1, most = 45; depth < 12; depth++) {
  const level = [...groups.values()].filter(group => group.path.length === depth);
  if (!level.length) break;
  level.forEach(group => { group.open = true; });
  if (visible().size > most) { level.forEach(group => { group.open = false; }); break; }
}

const counted = count => count === 1 ? "1 operation" : `${count} operations`;

// -- the layout -------------------------------------------------------------------------------------
function layout() {
  const boxes = [...visible()];
  const index = new Map(boxes.map((box, i) => [box, i]));
  const items = boxes.map(box => {
    const ids = box.members || [box.id];
    const name = box.members ? box.path[box.path.length - 1] : box.n;
    const lines = box.members ? [counted(ids.filter(id => nodes[id].k === "op").length)] : (box.s || []).slice(0, 2);
    const longest = Math.max(name.length * 7.4, ...lines.map(line => line.length * 6));
    return { box, name, lines, w: Math.min(230, Math.max(60, longest + 2 * PAD)), h: 22 + 14 * lines.length,
      last: Math.max(...ids), up: new Set(), down: new Set(), rank: 0 };
  });
  const edges = new Map();
  for (const node of nodes) {
    const to = index.get(shownAs(node));
    for (const p of node.p) {
      const from = index.get(shownAs(nodes[p]));
      if (from !== to) edges.set(from + " " + to, [from, to]);
    }
  }
  // An edge against the order of the last members would close a circle: it is drawn, and counts for no layer.
  for (const [from, to] of edges.values()) {
    if (items[from].last < items[to].last) { items[from].down.add(to); items[to].up.add(from); }
  }
  const order = items.map((_, i) => i).sort((a, b) => items[a].last - items[b].last);
  for (const i of order) for (const up of items[i].up) items[i].rank = Math.max(items[i].rank, items[up].rank + 1);
  for (const i of [...order].reverse()) {  // what is made from nothing stands right above what needs it
    const item = items[i];
    if (!item.up.size && item.down.size) item.rank = Math.min(...[...item.down].map(j => items[j].rank)) - 1;
  }
  const least = Math.min(...items.map(item => item.rank));
  items.forEach(item => { item.rank -= least; });
  // Long arrows get a place in each layer that they cross.
  const routes = [];
  for (const [from, to] of edges.values()) {
    const route = [from];
    const step = items[from].rank < items[to].rank ? 1 : -1;
    for (let rank = items[from].rank + step; step * (items[to].rank - rank) > 0; rank += step) {
      items.push({ w: 10, h: 0, rank, up: new Set([route[route.length - 1]]), down: new Set(), last: items[from].last });
      items[route[route.length - 1]].down.add(items.length - 1);
      route.push(items.length - 1);
    }
    if (route.length > 1) { items[route[route.length - 1]].down.add(to); items[to].up.add(route[route.length - 1]); }
    routes.push([...route, to]);
  }
  const layers = [];
  items.forEach((item, i) => { (layers[item.rank] = layers[item.rank] || []).push(i); });
  for (let k = 0; k < layers.length; k++) layers[k] = layers[k] || [];
  layers.forEach(layer => layer.sort((a, b) => items[a].last - items[b].last));
  const place = () => layers.forEach(layer => layer.forEach((i, at) => { items[i].at = at; }));
  place();
  for (let sweep = 0; sweep < 10; sweep++) {
    const way = sweep % 2 ? "down" : "up";
    for (const layer of sweep % 2 ? [...layers].reverse() : layers) {
      for (const i of layer) {
        const near = [...items[i][way]].filter(j => Math.abs(items[j].rank - items[i].rank) === 1);
        items[i].mean = near.length ? near.reduce((sum, j) => sum + items[j].at, 0) / near.length : items[i].at;
      }
      layer.sort((a, b) => items[a].mean - items[b].mean);
      layer.forEach((i, at) => { items[i].at = at; });
    }
  }
  // Across: each wants the mean of its neighbours, and keeps its distance.
  for (const layer of layers) { let x = 0; for (const i of layer) { items[i].x = x + items[i].w / 2; x += items[i].w + GAP; } }
  for (let sweep = 0; sweep < 14; sweep++) {
    for (const layer of sweep % 2 ? [...layers].reverse() : layers) {
      const want = layer.map(i => {
        const near = [...items[i].up, ...items[i].down];
        return near.length ? near.reduce((sum, j) => sum + items[j].x, 0) / near.length : items[i].x;
      });
      spread(layer, want, items);
    }
  }
  let y = 20;
  for (const layer of layers) {
    const tall = Math.max(0, ...layer.map(i => items[i].h));
    layer.forEach(i => { items[i].y = y + tall / 2; if (!items[i].box) items[i].h = tall; });
    y += Math.max(ROW, tall + 34);
  }
  return { items, routes, count: boxes.length };
}
// The places nearest to those wanted with which nobody overlaps: neighbours that do are moved as one.
function spread(layer, want, items) {
  const blocks = [];
  layer.forEach((i, at) => {
    let block = { from: at, to: at, sum: want[at], offset: [0], size: 1 };
    blocks.push(block);
    while (blocks.length > 1) {
      const last = blocks[blocks.length - 1], before = blocks[blocks.length - 2];
      const apart = (items[layer[before.to]].w + items[layer[last.from]].w) / 2 + GAP;
      const shift = before.offset[before.size - 1] + apart;
      if (before.sum / before.size + shift <= last.sum / last.size) break;
      before.sum += last.sum - last.size * shift;
      before.offset.push(...last.offset.map(o => o + shift));
      before.size += last.size; before.to = last.to;
      blocks.pop();
    }
  });
  for (const block of blocks) {
    block.offset.forEach((offset, k) => { items[layer[block.from + k]].x = block.sum / block.size + offset; });
  }
}

// -- drawing ----------------------------------------------------------------------------------------
let drawn = [], chosen = null, view = { x: 0, y: 0, k: 1 };
function element(name, attributes, parent, text) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}
const short = (text, most) => text.length > most ? text.slice(0, most - 1) + "…" : text;
function draw(keepView) {
  const { items, routes, count } = layout();
  world.replaceChildren();
  const hulls = element("g", {}, world), lines = element("g", {}, world), front = element("g", {}, world);
  drawn = items.slice(0, count);
  for (const group of groups.values()) {
    if (!group.open) continue;
    const inside = drawn.filter(item => (item.box.members || [item.box.id]).every(id => {
      const node = nodes[id]; return keyAt(node, group.path.length) === group.key;
    }) && item.box !== group);
    if (inside.length < 2) continue;
    const left = Math.min(...inside.map(i => i.x - i.w / 2)) - 8, right = Math.max(...inside.map(i => i.x + i.w / 2)) + 8;
    const top = Math.min(...inside.map(i => i.y - i.h / 2)) - 20, foot = Math.max(...inside.map(i => i.y + i.h / 2)) + 8;
    const others = drawn.some(i => !inside.includes(i) && i.x + i.w / 2 > left && i.x - i.w / 2 < right &&
      i.y + i.h / 2 > top && i.y - i.h / 2 < foot);
    if (others) continue;  // a frame around what is not in the group would be wrong
    const hull = element("g", { class: "hull" }, hulls);
    element("rect", { x: left, y: top, width: right - left, height: foot - top, rx: 8 }, hull);
    const label = element("text", { x: left + 8, y: top + 14, class: "sub", tabindex: 0, role: "button", "aria-label":
      `module ${group.path.join(".")}, unfolded` }, hull, "▾ " + group.path.join("."));
    pressed(label, () => toggle(group));
  }
  for (const route of routes) {
    const points = route.map(i => items[i]);
    const up = points[0].rank > points[points.length - 1].rank ? -1 : 1;  // an arrow that goes back goes up
    let d = "", [ax, ay] = [points[0].x, points[0].y + up * points[0].h / 2];
    points.forEach((p, k) => {
      if (k === 0) { d = `M${ax} ${ay}`; return; }
      const by = p.y - up * p.h / 2 - (p.box ? 2 * up : 0), middle = (ay + by) / 2;
      d += `C${ax} ${middle} ${p.x} ${middle} ${p.x} ${by}`;
      [ax, ay] = [p.x, p.y + up * p.h / 2];
      if (!p.box) d += `L${ax} ${ay}`;  // straight past the boxes of a layer
    });
    const line = element("path", { d, class: "edge" }, lines);
    line.from = points[0].box; line.to = points[points.length - 1].box;
  }
  for (const item of drawn) {
    const kind = item.box.members ? "group" : item.box.k || "op";
    const g = element("g", { class: "node " + kind, tabindex: 0, role: "button", transform:
      `translate(${item.x - item.w / 2} ${item.y - item.h / 2})`,
      "aria-label": item.box.members ? `module ${item.box.path.join(".")}, folded` : item.name }, front);
    const rect = element("rect", { width: item.w, height: item.h, rx: kind === "leaf" || kind === "outside" ? 12 : 4 }, g);
    if (item.box.h) rect.style.fill = `color-mix(in srgb, #ff9800 ${Math.round(item.box.h * 70)}%, var(--box))`;
    const name = (item.box.members ? "▸ " : "") + short(item.name, Math.floor((item.w - 8) / 7));
    element("text", { x: item.w / 2, y: 15, "text-anchor": "middle" }, g, name);
    item.lines.forEach((line, k) => element("text", { x: item.w / 2, y: 29 + 14 * k, "text-anchor": "middle", class: "sub" },
      g, short(line, Math.floor((item.w - 8) / 5.6))));
    element("title", {}, g, item.box.members ? "unfold " + item.box.path.join(".") : item.box.t || item.name);
    g.item = item; item.g = g;
    pressed(g, () => act(item.box));
    g.addEventListener("focus", () => { if (g.matches(":focus-visible")) show(item); });
  }
  if (!keepView) fit();
  mark();
}
function pressed(target, run) {
  target.addEventListener("click", run);
  target.addEventListener("keydown", event => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); run(); } });
}
function act(box) { if (box.members) toggle(box); else { choose(box); show(drawn.find(item => item.box === box)); } }
// All boxes are drawn anew: the focus goes to the group, or into it.
function toggle(group) {
  group.open = !group.open;
  draw(true);
  const inside = box => keyAt({ g: box.path || box.g }, group.path.length) === group.key;
  drawn.find(item => inside(item.box)).g.focus({ preventScroll: true });
}
function all(open) { groups.forEach(group => { group.open = open; }); draw(false); }
function move() { world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.k})`); }
function fit() {
  const b = extent(), size = svg.getBoundingClientRect();
  view.k = Math.min(1.3, (size.width - 30) / b.w, (size.height - 30) / b.h);
  if (!(view.k > 0)) view.k = 1;
  if (view.k < 0.45) { view.k = Math.min(0.8, (size.width - 30) / b.w); if (view.k < 0.3) view.k = 0.5; }
  view.x = size.width / 2 - view.k * (b.x + b.w / 2);
  view.y = b.h * view.k > size.height ? size.height - 20 - view.k * (b.y + b.h) : (size.height - view.k * b.h) / 2 - view.k * b.y;
  move();
}
// Bring a box into view, where it is outside.
function show(item) {
  const size = svg.getBoundingClientRect(), x = view.x + view.k * item.x, y = view.y + view.k * item.y;
  if (x - view.k * item.w / 2 < 0 || x + view.k * item.w / 2 > size.width) view.x += size.width / 2 - x;
  if (y - view.k * item.h / 2 < 0 || y + view.k * item.h / 2 > size.height) view.y += size.height / 2 - y;
  move();
}
function extent() {
  const xs = drawn.flatMap(i => [i.x - i.w / 2, i.x + i.w / 2]), ys = drawn.flatMap(i => [i.y - i.h / 2, i.y + i.h / 2]);
  const x = Math.min(...xs), y = Math.min(...ys);
  return { x, y, w: Math.max(...xs) - x, h: Math.max(...ys) - y };
}

// -- looking into a node ------------------------------------------------------------------------------
function wayToLoss(id) {
  const way = new Set([id]), todo = [id];
  while (todo.length) for (const child of children[todo.pop()]) if (!way.has(child)) { way.add(child); todo.push(child); }
  return way;
}
function mark() {
  const way = chosen === null ? null : new Set([...wayToLoss(chosen)].map(id => shownAs(nodes[id])));
  const at = chosen === null ? null : shownAs(nodes[chosen]);
  for (const item of drawn) {
    item.g.classList.toggle("chosen", item.box === at);
    item.g.classList.toggle("faint", way !== null && !way.has(item.box));
  }
  for (const line of world.querySelectorAll(".edge")) {
    const on = way !== null && way.has(line.from) && way.has(line.to);
    line.classList.toggle("way", on);
    line.classList.toggle("faint", way !== null && !on);
  }
}
function choose(node) {
  chosen = node.id;
  side.hidden = false;
  side.replaceChildren();
  html("h2", node.n, side);
  html("div", (node.s || []).join("   "), side);
  if (node.g.length) html("div", "in " + node.g.join("."), side, "ends");
  if (node.l) { html("h3", "your line", side); html("pre", node.l, side); }
  if (node.f && node.f.length) {
    html("h3", "formulas: g is dL/d(output), z the output", side);
    for (const [argument, text] of node.f) html("pre", `d${argument} = ${text}`, side);
  }
  if (node.t) { html("h3", "text", side); html("pre", node.t, side); }
  array(side, "value", node.v, node.w);
  array(side, "gradient", node.d, node.x);
  links("made from", node.p);
  links("used by", children[node.id]);
  const close = html("button", "close", side);
  close.addEventListener("click", deselect);
  mark();
}
function deselect() {
  const at = chosen === null || !side.contains(document.activeElement) ? null : shownAs(nodes[chosen]);
  chosen = null; side.hidden = true; mark();
  if (at) drawn.find(item => item.box === at).g.focus({ preventScroll: true });
}
function links(title, ids) {
  if (!ids.length) return;
  html("h3", title, side);
  const line = html("div", null, side, "links");
  for (const id of ids) html("button", nodes[id].n, line).addEventListener("click", () => {
    reveal(nodes[id]); drawn.find(item => item.box === nodes[id]).g.focus({ preventScroll: true }); });
}
// Unfold what a node is inside of, and bring it to the middle.
function reveal(node) {
  for (let depth = 1; depth <= node.g.length; depth++) groups.get(keyAt(node, depth)).open = true;
  draw(true);
  choose(node);
  const item = drawn.find(one => one.box === node), size = svg.getBoundingClientRect();
  view.k = Math.max(view.k, 0.7);
  view.x = size.width / 2 - view.k * item.x;
  view.y = size.height / 2 - view.k * item.y;
  move();
}

// -- search, mouse, keys ------------------------------------------------------------------------------
let hits = [], next = 0;
search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = node => [node.n, ...(node.s || []), node.g.join("."), node.t || "", node.l || ""].join(" ").toLowerCase();
  hits = words.length ? nodes.filter(node => words.every(word => text(node).includes(word))) : [];
  next = 0;
  document.getElementById("found").textContent = words.length ? `${hits.length} found` : "";
  const boxes = new Set(hits.map(shownAs));
  for (const item of drawn) item.g.classList.toggle("hit", boxes.has(item.box));
});
search.addEventListener("keydown", event => {
  if (event.key === "Enter" && hits.length) reveal(hits[next++ % hits.length]);
});
const zoom = (factor, x, y) => {
  const k = Math.min(4, Math.max(0.03, view.k * factor));
  view.x = x - (x - view.x) * k / view.k; view.y = y - (y - view.y) * k / view.k; view.k = k;
  move();
};
svg.addEventListener("wheel", event => {
  event.preventDefault();
  const box = svg.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
const fingers = new Map();
svg.addEventListener("pointerdown", event => { fingers.set(event.pointerId, event); svg.classList.add("held"); });
addEventListener("pointermove", event => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  if (fingers.size === 2) {
    const [other] = [...fingers.values()].filter(one => one.pointerId !== event.pointerId);
    const apart = one => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    const box = svg.getBoundingClientRect();
    zoom(apart(event) / apart(before), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
  } else { view.x += event.clientX - before.clientX; view.y += event.clientY - before.clientY; move(); }
  fingers.set(event.pointerId, event);
});
for (const name of ["pointerup", "pointercancel"]) addEventListener(name, event => {
  fingers.delete(event.pointerId); if (!fingers.size) svg.classList.remove("held");
});
document.getElementById("fold").addEventListener("click", () => all(false));
document.getElementById("unfold").addEventListener("click", () => all(true));
document.getElementById("fit").addEventListener("click", fit);
addEventListener("keydown", event => {
  if (event.target === search) { if (event.key === "Escape") search.blur(); return; }
  const size = svg.getBoundingClientRect(), middle = [size.width / 2, size.height / 2];
  const keys = { "/": () => search.focus(), "0": fit, f: () => all(false), u: () => all(true), Escape: deselect,
    "+": () => zoom(1.25, ...middle), "-": () => zoom(0.8, ...middle),
    ArrowLeft: () => { view.x += 60; move(); }, ArrowRight: () => { view.x -= 60; move(); },
    ArrowUp: () => { view.y += 60; move(); }, ArrowDown: () => { view.y -= 60; move(); } };
  const scrolls = side.contains(event.target) && event.key.startsWith("Arrow");
  if (keys[event.key] && !scrolls && !event.ctrlKey && !event.metaKey) { event.preventDefault(); keys[event.key](); }
});
addEventListener("resize", fit);
draw(false);
