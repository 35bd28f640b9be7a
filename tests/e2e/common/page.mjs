// Uses the page contrib/browser/rialto.html as a person does, in Node: its script, taken from there, over a document that is as much of
// one as it needs. Arguments: the script, where a bridge is, what of it. The page's WebSocket is Node's own, or that of websocket.mjs.
import { closeSync, openSync } from "node:fs";
import { connect, createServer } from "node:net";
import { pathToFileURL } from "node:url";

class Element {
  constructor() {
    Object.assign(this, { value: "", textContent: "", className: "", dataset: {}, children: [], hidden: false, disabled: false });
    Object.assign(this, { scrollHeight: 0, scrollTop: 0, clientHeight: 0 });
  }
  append(...more) { for (const child of more) { child.parent = this; this.children.push(child); } }
  remove() { this.parent.children.splice(this.parent.children.indexOf(this), 1); }
  replaceChildren() { this.children = []; }
  get childElementCount() { return this.children.length; }
  get firstElementChild() { return this.children[0]; }
  focus() {}
}

const elements = new Map();
const by = (name) => elements.get(name) ?? elements.set(name, new Element()).get(name);
globalThis.document = { getElementById: by, createElement: () => new Element() };
const submit = (name) => by(name).onsubmit({ preventDefault() {} });
const seen = () => by("out").children.map((part) => part.textContent).join("");

async function until(what, holds) {
  for (const end = Date.now() + 40_000; !holds(); await new Promise((go) => setTimeout(go, 10))) {
    if (Date.now() > end) throw new Error(`never: ${what}\n--- shown\n${seen()}\n--- state\n${by("state").textContent}`);
  }
}
const shows = (text) => until(text, () => seen().includes(text));
const says = (text) => until(text, () => by("state").textContent.includes(text));
function run(code) {
  by("code").value = code;
  submit("entry");
}

const [script, url, story] = process.argv.slice(2);
const bridge = Number(new URL(url).port);
// Between the page and the bridge, so that it can be cut.
const links = new Set();
let whole = true;
const relay = createServer((near) => {
  if (!whole) return near.destroy();
  const far = connect(bridge, "127.0.0.1");
  for (const [a, b] of [[near, far], [far, near]]) {
    links.add(a);
    a.on("error", () => {}).on("close", () => { links.delete(a); b.destroy(); }).pipe(b);
  }
});
await new Promise((go) => relay.listen(0, "127.0.0.1", go));

await import(pathToFileURL(script));
Object.assign(by("url"), { value: `ws://127.0.0.1:${relay.address().port}` });
Object.assign(by("token"), { value: process.env.RIALTO_TOKEN });
by("session").value = "work";
by("kernel").value = "python";
submit("place");

const stories = {
  async works() {
    await says("attached");
    run("print('hello'); import sys; print('a complaint', file=sys.stderr); 6*7");
    await shows("[1] print('hello'); import sys; print('a complaint', file=sys.stderr); 6*7\nhello\na complaint\n42\n");
    const complaint = by("out").children.find((part) => part.textContent === "a complaint\n");
    if (complaint.className !== "stderr") throw new Error(complaint.className);
    run("1/0");
    await shows("ZeroDivisionError: division by zero\n");
    run("input('who? ')");
    await until("the question", () => !by("asked").hidden && by("prompt").textContent === "who? ");
    by("answer").value = "somebody";
    submit("asked");
    await shows("who? somebody\n'somebody'\n");
    await until("no question", () => by("asked").hidden);
    // What it prints is shown while it runs, and the interrupt is for that eval.
    run("import time; print('\\x1b[31mbegun\\x1b[0m', flush=True); time.sleep(600)");
    run("'after it'");
    await shows("begun\n");
    by("interrupt").onclick();
    await shows("the interrupt: interrupted\n");
    await shows("interrupted\n[5] 'after it'\n'after it'\n");
    await until("an end", () => by("interrupt").disabled);
  },

  async is_cut() {
    await says("attached");
    run("import os; os.mkfifo('go'); print('begun', flush=True); open('go').read(); [print(n) for n in range(1000)] and 'went' + ' on'");
    await shows("begun\n");
    whole = false;
    for (const link of links) link.destroy();
    await says("no connection");
    // Asked while nobody hears it, and what ran goes on.
    run("open('ran', 'a').write('x'); print(open('ran').read())");
    closeSync(openSync("go", "w"));
    await says("again in 2 s");
    whole = true;
    await shows("'went on'\n");
    await shows("x\n");
    // Cut again, with nothing unseen.
    for (const link of links) link.destroy();
    run("'the last'");
    await shows("'the last'\n'the last'\n");
    const [, after] = seen().split("begun\n");
    const numbers = after.split("\n").filter((line) => /^\d+$/.test(line));
    if (numbers.join() !== [...Array(1000).keys()].join()) throw new Error(`not each once: ${numbers}`);
    for (const once of ["[2] import os", "begun\n", "'went on'\n", "x\n", "open('ran', 'a')", "] 'the last'\n'the last'\n"]) {
      const times = seen().split(once).length - 1;
      if (times > 1) throw new Error(`${times} times ${once}:\n${seen()}`);
    }
    if (seen().includes("xx")) throw new Error("it ran twice");
  },

  async is_refused() {
    await says("not connected: closed (1006); the bridge's log says why");
    if (by("out").children.length || !by("run").disabled) throw new Error(seen());
  },

  async is_revoked() {
    await says("attached");
    console.log("in");
    await says("not connected: the token you came in with was revoked");
  },
};
await stories[story]();
console.log("well");
process.exit(0);
