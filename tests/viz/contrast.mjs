// Text that is hard to read: what has less contrast with what is behind it than WCAG's AA asks for (4.5, or 3 where the
// letters are large or a sign alone). Runs in a page: page.evaluate(faintText, selector).
export function faintText(selector) {
  const paper = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const channels = color => {
    paper.clearRect(0, 0, 1, 1);
    paper.fillStyle = color;
    paper.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = paper.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (front, back) => back.map((v, i) => front[i] * front[3] + v * (1 - front[3]));
  const light = color => color.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const chain = element => { const all = []; for (let e = element; e; e = e.parentElement) all.push(e); return all; };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches && getComputedStyle(document.documentElement).colorScheme.includes("dark");
  const behind = element => {
    let back = dark ? [18, 18, 18] : [255, 255, 255];
    for (const e of chain(element).reverse()) back = over(channels(getComputedStyle(e).backgroundColor), back);
    const box = element.closest("g.node")?.querySelector("rect");
    return box ? over(channels(getComputedStyle(box).fill), back) : back;
  };
  const found = new Set();
  const texts = document.createTreeWalker(document.querySelector(selector), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const words = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (!words || box.width < 2 || style.visibility === "hidden" || element.closest("script, style, title")) continue;
    const alpha = chain(element).reduce((share, e) => share * getComputedStyle(e).opacity, 1);
    const ink = channels(element instanceof SVGElement ? style.fill : style.color), back = behind(element);
    const [low, high] = [light(over([...ink.slice(0, 3), ink[3] * alpha], back)), light(back)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    const large = parseFloat(style.fontSize) >= (style.fontWeight >= 700 ? 18.66 : 24) || /^[^\p{L}\p{N}]$/u.test(words);
    if (alpha && ratio < (large ? 3 : 4.5)) found.add(`${ratio.toFixed(2)}: ${words.slice(0, 40)}`);
  }
  return [...found];
}
