// The worker of a page: it hears blocks, and tells what came out.
import { Python } from "./python.mjs";

const base = new URL(".", import.meta.url);
const read = async name => (await fetch(new URL(name, base))).text();
let number;
const name = new URL(import.meta.url).searchParams.get("page");
const python = Python.start(base, read, text => postMessage({ number, text }), name);
python.then(() => postMessage({ ready: true }), error => postMessage({ broken: String(error) }));

onmessage = async ({ data }) => {
  const { run } = await python.then(python => ({ run: (...given) => python.run(...given) }));
  number = data.number;
  try {
    const done = await run(data.code, data.expected, data.cell, () => postMessage({ number, again: true }));
    postMessage({ number, done });
  } catch (error) {
    postMessage({ number, broken: String(error) });
  }
};
