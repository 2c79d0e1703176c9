// Python in this process: Pyodide from the folder of this file, with minigrad, and the blocks of one page.
// It runs in a worker of a browser, and in node, where the tests use it.

export class Python {
  // say(text) hears what is printed; read(name) gives the text of a file of this folder.
  static async start(base, read, say, name) {
    const { loadPyodide } = await import(new URL("pyodide.mjs", base).href);
    const folder = typeof process === "object" ? decodeURIComponent(base.pathname) : base.href;
    const pyodide = await loadPyodide({ indexURL: folder, packageBaseUrl: folder });
    const made = new Python();
    Object.assign(made, { pyodide, say, served: JSON.parse(await read("served.json")), ran: [] });
    await made.load("minigrad");
    // Pictures are files: a worker has no window. That a cache of fonts is made is nothing to tell.
    pyodide.runPython(`import logging, os
os.environ["MPLBACKEND"] = "agg"
logging.getLogger("matplotlib.font_manager").setLevel("ERROR")`);
    pyodide.runPython(await read("blocks.py"));
    made.anew(name);
    return made;
  }

  load(names) {
    return this.pyodide.loadPackage(names, { messageCallback() {} });
  }

  // A page on which nothing has run.
  anew(name = this.name) {
    this.name = name;
    const globals = this.pyodide.globals;
    globals.set("say", text => this.quiet || this.say(text));
    globals.set("name", name);
    globals.set("served", this.pyodide.toPy(Object.keys(this.served)));
    this.pyodide.runPython("page.close() if 'page' in globals() else None\npage = Page(say, served, name)");
    this.ran = [];
  }

  once(code, expected, cell) {
    const { globals } = this.pyodide;
    globals.set("code", code);
    globals.set("expected", expected);
    const call = cell ? "page.cell(code)" : "page.run(code, expected)";
    return JSON.parse(this.pyodide.runPython(`import json\njson.dumps(${call})`));
  }

  // Run a block after those that ran before it. A module that turns out to be missing is loaded, and the page's blocks
  // run again from the first one: what they did before they failed is not done twice.
  async run(code, expected, cell = false, again = () => {}) {
    let said = this.once(code, expected, cell);
    for (let tries = 0; said.needs.length && tries < 4; tries++) {
      await this.load(said.needs.map(module => this.served[module]));
      const ran = this.ran;
      again();
      this.anew();
      this.quiet = true;
      for (const one of ran) this.once(...one);
      this.quiet = false;
      this.ran = ran;
      said = this.once(code, expected, cell);
    }
    this.ran.push([code, expected, cell]);
    return said;
  }
}
