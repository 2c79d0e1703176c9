// A Run button at each block of Python on a page. Nothing is loaded until one is pressed.
"use strict";
(() => {
  const base = new URL(".", document.currentScript.src);
  const blocks = [];
  let worker = null, ready = false, waiting = [], running = null;

  // Blocks with prompts, scripts with the text that they print below them, and cells of notebooks.
  function found() {
    const all = [...document.querySelectorAll(".bd-article div[class*=highlight-py]")];
    return all.flatMap(box => {
      const code = box.querySelector("pre").textContent, next = box.nextElementSibling;
      if (box.classList.contains("cell")) {
        const outputs = next?.matches("div.cell-outputs") ? next : null;
        return [{ box, code, expected: "", cell: true, below: box, outputs }];
      }
      if (/^\s*>>> /m.test(code)) return [{ box, code, expected: "", below: box }];
      if (!next?.matches("div.highlight-text")) return [];
      return [{ box, code, expected: next.querySelector("pre").textContent, below: next }];
    });
  }

  function element(name, attributes = {}, text = "") {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }

  function prepare(block) {
    const number = blocks.indexOf(block) + 1;
    block.bar = element("div", { class: "run-bar" });
    block.button = element("button", { type: "button", class: "run-button" }, "Run");
    block.button.setAttribute("aria-label", `Run block ${number}` + (number > 1 ? ", and those above it first" : ""));
    block.note = element("span", { class: "run-note", role: "status" });
    block.output = element("div", { class: "run-output", role: "region", "aria-label": `Output of block ${number}` });
    block.output.hidden = true;
    block.bar.append(block.button, block.note);
    block.below.after(block.bar, block.output);
    block.button.addEventListener("click", () => block === running || waiting.includes(block) ? stop() : press(block));
  }

  function press(block) {
    if (location.protocol === "file:")
      return note(block, "A page that is opened as a file cannot run code. Serve the site: python docs/site/build.py --serve");
    if (running || waiting.length) return;
    const last = blocks.indexOf(block);
    waiting = blocks.filter((one, i) => i === last || i < last && !one.ran);
    for (const one of waiting) { one.button.textContent = "Stop"; note(one, "waits"); }
    for (const one of blocks) one.button.disabled = !waiting.includes(one);
    if (!worker) begin();
    next();
  }

  function begin() {
    ready = false;
    const page = location.pathname.split("/").pop().replace(/\.html$/, ".md");
    worker = new Worker(new URL("worker.mjs?page=" + encodeURIComponent(page), base), { type: "module" });
    worker.onmessage = ({ data }) => hear(data);
    worker.onerror = event => broken(event.message || "the worker could not be loaded");
  }

  function next() {
    running = waiting.shift() ?? null;
    if (!running) {
      for (const one of blocks) { one.button.disabled = false; one.button.textContent = "Run"; }
      return;
    }
    clear(running);
    note(running, ready ? "runs …" : "loads Python and NumPy, once for this page …");
    worker.postMessage({ number: blocks.indexOf(running), code: running.code, expected: running.expected,
      cell: !!running.cell });
  }

  function hear(data) {
    if (data.ready) { ready = true; if (running) note(running, "runs …"); return; }
    if (data.broken) return broken(data.broken);
    if (!running || data.number !== blocks.indexOf(running)) return;
    if (data.again) { clear(running); note(running, "loads what it needs, and runs again …"); }
    if (data.text !== undefined) write(running, data.text);
    if (data.done) { show(running, data.done); next(); }
  }

  function clear(block) {
    block.outputs?.remove();  // of the site's own run
    block.output.replaceChildren(); block.output.hidden = true; block.text = null;
  }

  function note(block, text, kind = "") { block.note.textContent = text; block.note.dataset.kind = kind; }

  function write(block, text) {
    if (!block.text) { block.text = element("pre", { tabindex: "0" }); block.output.append(block.text); }
    block.text.append(text);
    block.output.hidden = false;
  }

  function show(block, done) {
    block.ran = true;
    block.button.textContent = "Run";
    for (const url of done.pictures) block.output.append(element("img", { src: url, alt: "The picture that this block made" }));
    for (const html of done.pages)
      block.output.append(element("iframe", { srcdoc: html, sandbox: "allow-scripts", title: "The page that this block made" }));
    for (const piece of done.html) {
      const place = element("div", { class: "run-html" });
      place.innerHTML = piece;
      block.output.append(place);
    }
    if (block.output.childElementCount) block.output.hidden = false;
    if (done.error) note(block, done.why ? `Not in a tab: ${done.why}.` : "It failed.", "bad");
    else if (block.cell) note(block, "");
    else if (done.same) note(block, "As on the page.", "good");
    else note(block, `The page has: ${done.differs.join("").trim() || "nothing"}`, "bad");
  }

  function ended(text, kind) {
    worker?.terminate();
    worker = null;
    const left = [running, ...waiting].filter(Boolean);
    running = null; waiting = [];
    for (const one of blocks) { one.ran = false; one.button.disabled = false; one.button.textContent = "Run"; }
    left.forEach((one, i) => note(one, i ? "" : text, kind));
  }

  function stop() { ended("Stopped. The next run starts Python anew.", ""); }

  function broken(why) {
    const block = running ?? blocks[0];
    ended("", "");
    note(block, `Python could not run here: ${why}`, "bad");
  }

  addEventListener("DOMContentLoaded", () => { blocks.push(...found()); blocks.forEach(prepare); });
})();
