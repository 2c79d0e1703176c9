// Runs the blocks of pages by Pyodide, without a browser, as the site's worker does:
//     node blocks.mjs FILES        pages on stdin, {page: [[code, expected], ...]}; what came out, on stdout
// FILES is the folder that docs/site/browser_files.py makes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const { Python } = await import(pathToFileURL(join(folder, "python.mjs")).href);
const pages = JSON.parse(readFileSync(0, "utf8"));
let printed = "";
const read = async name => readFileSync(join(folder, name), "utf8");
const python = await Python.start(pathToFileURL(folder + "/"), read, text => { printed += text; }, "page.md");
const found = {};
for (const [name, blocks] of Object.entries(pages)) {
  const before = Date.now();
  python.anew(name.split("/").pop());
  found[name] = [];
  for (const [code, expected, cell] of blocks) {
    printed = "";
    const said = await python.run(code, expected, cell, () => { printed = ""; });
    found[name].push({ ...said, pages: said.pages.length, pictures: said.pictures.map(url => url.length), printed, code });
  }
  console.error(name, Date.now() - before);
}
console.log(JSON.stringify(found));
