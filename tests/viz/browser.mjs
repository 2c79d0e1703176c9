// Opens pages in a real browser, without a network, and says what it found there, as JSON on stdout:
//     node browser.mjs PACKAGES FOLDER        with playwright-core and @sparticuz/chromium in PACKAGES/node_modules
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { faintText } from "./contrast.mjs";

const [packages, folder] = process.argv.slice(2);
const require = createRequire(join(packages, "package.json"));
const imported = async name => import(pathToFileURL(require.resolve(name)));
const { default: bundled } = await imported("@sparticuz/chromium");
const { chromium } = (await imported("playwright-core")).default;
const alone = new Set(["--single-process", "--no-zygote"]);  // with these it ends with its first page
const browser = await chromium.launch({
  executablePath: await bundled.executablePath(), args: bundled.args.filter(one => !alone.has(one)), headless: true });
const found = {};
for (const file of readdirSync(folder).filter(name => name.endsWith(".html"))) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
  const said = { errors: [], requests: [] };
  page.on("pageerror", error => said.errors.push(String(error)));
  page.on("console", message => { if (message.type() === "error") said.errors.push(message.text()); });
  page.on("request", request => said.requests.push(request.url()));
  const before = Date.now();
  await page.goto(pathToFileURL(join(folder, file)).href);
  if (await page.locator("#canvas").count()) Object.assign(said, await graph(page, before));
  else {
    said.text = await page.locator("body").innerText();
    said.faint = await faint(page, "body");
    said.curves = await page.locator("#curves path").count();
  }
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, file.replace(".html", ".png")) });
  found[file] = said;
  await page.close();
}
await browser.close();
console.log(JSON.stringify(found));

async function faint(page, selector) {
  const found = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    found.push(...await page.evaluate(faintText, selector));
  }
  return found;
}

// What a graph does when it is touched.
async function graph(page, before) {
  const boxes = () => page.locator(".node").count();
  await page.waitForSelector(".node");
  const said = { ready: Date.now() - before, boxes: await boxes(), groups: await page.locator(".node.group").count() };
  const world = () => page.locator("#world").getAttribute("transform");
  const start = await world();
  await page.mouse.move(300, 500); await page.mouse.wheel(0, -300);
  said.zoomed = await world() !== start;
  const zoomed = await world();
  await page.mouse.down(); await page.mouse.move(360, 540); await page.mouse.up();
  said.panned = await world() !== zoomed;
  await page.click("#fit");
  await page.fill("#search", "weight");
  said.hits = await page.textContent("#found");
  await page.press("#search", "Enter");
  said.side = await page.locator("#side").innerText();
  said.maps = await page.locator("#side canvas").count();
  said.bars = await page.locator("#side .bars i").count();
  said.way = await page.locator(".edge.way").count();
  said.faint = await faint(page, "#side");
  await page.keyboard.press("Escape"); await page.locator("body").press("Escape");
  await page.click("#unfold");
  said.unfolded = await boxes();
  const overlapping = await page.evaluate(() => {
    const all = drawn.map(i => [i.x - i.w / 2, i.y - i.h / 2, i.x + i.w / 2, i.y + i.h / 2]);
    let count = 0;
    all.forEach((a, i) => all.slice(i + 1).forEach(b => {
      if (a[0] < b[2] - 1 && b[0] < a[2] - 1 && a[1] < b[3] - 1 && b[1] < a[3] - 1) count++; }));
    return count; });
  said.overlapping = overlapping;
  said.faint.push(...await faint(page, "body"));
  await page.click("#fold");
  said.folded = await boxes();
  await page.locator(".node").first().focus();
  await page.keyboard.press("Enter");
  said.keyboard = await boxes() !== said.folded || await page.locator("#side").isVisible();
  await page.keyboard.press("Escape");
  Object.assign(said, await keyboard(page));
  return said;
}

// What can be reached with keys alone: the focus is never lost, and what has it is in view.
async function keyboard(page) {
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") || document.activeElement.tagName);
  const said = {};
  await page.click("#fold");
  const group = page.locator(".node.group", { hasText: /blocks|0/ }).first();
  await group.focus();
  await page.keyboard.press("Enter");
  said.inside = await focused();
  await page.locator(".hull text").first().focus();
  await page.keyboard.press("Enter");
  said.outside = await focused();
  await page.click("#unfold");
  await page.locator("#fit").focus();
  const seen = [];
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press("Tab");
    seen.push(await page.evaluate(() => {
      const at = document.activeElement, box = at.getBoundingClientRect(), all = svg.getBoundingClientRect();
      return !at.matches(".node") || (box.left >= all.left - 1 && box.right <= all.right + 1 && box.top >= all.top - 1 &&
        box.bottom <= all.bottom + 1); }));
  }
  said.unseen = seen.filter(one => !one).length;
  await page.locator(".node:not(.group)").last().focus();
  said.chosen = await focused();
  await page.keyboard.press("Enter");
  await page.locator("#side > button").last().focus();
  await page.keyboard.press("Enter");
  said.closed = await focused();
  return said;
}
