// Runs blocks of the built site in a real browser, and says what it found there, as JSON on stdout:
//     node site.mjs PACKAGES ADDRESS        with playwright-core and @sparticuz/chromium in PACKAGES/node_modules
// SHOTS is a folder for pictures of the pages.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { faintText } from "./contrast.mjs";

const [packages, address] = process.argv.slice(2);
const require = createRequire(join(packages, "package.json"));
const imported = async name => import(pathToFileURL(require.resolve(name)));
const { default: bundled } = await imported("@sparticuz/chromium");
const { chromium } = (await imported("playwright-core")).default;
const alone = new Set(["--single-process", "--no-zygote"]);  // with these it ends with its first page
const browser = await chromium.launch({
  executablePath: await bundled.executablePath(), args: bundled.args.filter(one => !alone.has(one)), headless: true });

const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
async function open(path, size = "desktop", colorScheme = "light", changed = {}) {
  const context = await browser.newContext({ viewport: sizes[size], colorScheme });
  const page = await context.newPage();
  const said = { errors: [], requests: [] };
  page.on("pageerror", error => said.errors.push(String(error)));
  page.on("console", message => { if (message.type() === "error") said.errors.push(message.text()); });
  context.on("request", request => said.requests.push(request.url()));
  for (const [from, to] of Object.entries(changed))
    await page.route(/\.html$/, async route => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace(from, to) }); });
  await page.goto(`${address}/${path}`);
  return [page, said];
}
const shot = async (page, name) => {
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: false });
};
const note = (page, i) => page.locator(".run-note").nth(i);
const done = (page, i) => page.waitForFunction(i => {
  const text = document.querySelectorAll(".run-note")[i].textContent;
  return text && !/…$|^waits$/.test(text) ? text : ""; }, i, { timeout: 100_000 });

const found = {};
{
  const [page, said] = await open("docs/start.html");
  const buttons = page.locator(".run-button");
  said.buttons = await buttons.count();
  said.before = said.requests.filter(url => /run\/(worker|pyodide)/.test(url)).length;
  await buttons.first().focus();
  await page.keyboard.press("Enter");  // the first block, by keyboard
  await done(page, 0);
  said.first = { note: await note(page, 0).innerText(), output: await page.locator(".run-output").first().innerText() };
  await buttons.last().click();  // the blocks between run too, and matplotlib is loaded
  await done(page, said.buttons - 1);
  said.notes = await page.locator(".run-note").allInnerTexts();
  said.pictures = await page.locator(".run-output img").evaluateAll(all => all.map(image => image.naturalWidth));
  await page.locator(".run-output img").first().scrollIntoViewIfNeeded();
  await shot(page, "start");
  said.wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  found.start = said;
}
{
  // On a phone, in the dark: a block that never ends is stopped, and one that prints without end is cut off.
  const block = code => `<div class="highlight-python"><pre>${code}</pre></div>`;
  const codes = [">>> n = 1", ">>> while True:\n...     n += 1", ">>> n + 1\n3", ">>> for i in range(100000): print(i)",
    ">>> import llvmlite"];
  const [page, said] = await open("docs/start.html", "phone", "dark",
    { '<div class="highlight-pycon': codes.map(block).join("") + '<div class="highlight-pycon' });
  const buttons = page.locator(".run-button");
  await buttons.nth(1).click();
  await page.waitForFunction(() => document.querySelectorAll(".run-note")[1].textContent === "runs …", null, { timeout: 60_000 });
  said.busy = await buttons.nth(1).innerText();
  said.others = await buttons.nth(2).isDisabled();
  await buttons.nth(1).click();
  said.stopped = [await note(page, 1).innerText(), await buttons.nth(1).innerText()];
  found.phone = said;
  await page.close();
  const [rest, more] = await open("docs/start.html", "phone", "dark",
    { '<div class="highlight-pycon': [codes[0], codes[2], codes[3], codes[4]].map(block).join("") + '<div class="highlight-pycon' });
  await rest.locator(".run-button").nth(3).click();
  await done(rest, 3);
  said.notes = await rest.locator(".run-note").allInnerTexts();
  said.printed = (await rest.locator(".run-output").nth(2).innerText()).slice(-60);
  said.errors.push(...more.errors);
  said.wide = await rest.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  await rest.locator(".run-note").nth(3).scrollIntoViewIfNeeded();
  await shot(rest, "phone-dark");
}
// Each kind of page, in light and dark, on a screen and a phone: contrast, and what is wider than the screen.
found.looks = { errors: [], requests: [], faint: [], wide: [] };
for (const path of ["docs/index", "docs/start", "docs/course/adam", "docs/operations", "docs/gallery",
  "docs/reference/minigrad.nn", "docs/notebooks/explain_a_gradient", "search"])
  for (const size of ["desktop", "phone"]) for (const scheme of ["light", "dark"]) {
    const [page, said] = await open(`${path}.html`, size, scheme);
    const name = `${path.split("/").pop()}-${size}-${scheme}`;
    found.looks.faint.push(...(await page.evaluate(faintText, "body")).map(text => `${name}: ${text}`));
    if (await page.evaluate(() => [...document.querySelectorAll("h1, h2, h3, .bd-sidebar-secondary .nav-link")].some(
      one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth))) found.looks.wide.push(name);
    for (const kind of ["errors", "requests"]) found.looks[kind].push(...said[kind]);
    await shot(page, name);
    await page.context().close();
  }
// By keyboard, something shows where the focus is.
found.keys = { errors: [], requests: [], unseen: [] };
{
  const [page] = await open("docs/operations.html");
  for (let i = 0; i < 50; i++) {
    await page.keyboard.press("Tab");
    await page.waitForTimeout(160);  // the theme moves its rings
    const at = await page.evaluate(() => {
      const focused = document.activeElement, ringed = focused.querySelector(".toctree-toggle") || focused;
      const { outlineStyle, boxShadow } = getComputedStyle(ringed);
      return outlineStyle === "none" && boxShadow === "none" ? focused.outerHTML.slice(0, 80) : ""; });
    if (at) found.keys.unseen.push(at);
  }
}
await browser.close();
console.log(JSON.stringify(found));
