// Runs a script in a page in Node, without a browser, and prints its value. Workers are threads. Elements have
// no layout, and only the form has events.
// Usage: node page_in_node.mjs PAGE SCRIPT
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";
import { Worker as Thread } from "node:worker_threads";

const [path, script] = process.argv.slice(2), page = readFileSync(path, "utf8");
const contentOf = (opening) => page.split(`<script${opening}>`)[1].split("</script>")[0];

class Element {
  children = [];
  attributes = {};
  text = "";
  constructor(attributes = {}) {
    Object.assign(this, { value: "" }, attributes);
    this.defaultValue = this.value;
  }
  get textContent() { return this.text + this.children.map(({ textContent }) => textContent).join(""); }
  set textContent(text) { this.text = text; }
  get firstChild() { return this.children[0]; }
  setAttribute(name, value) { this.attributes[name] = value; }
  getAttribute(name) { return this.attributes[name]; }
  addEventListener(type, listener) { this[`on${type}`] = listener; }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  querySelectorAll() { return []; }
  cloneNode() { return new Element({ children: [new Element(), new Element()] }); }
}
const attributesOf = (tag) => Object.fromEntries(
  [...tag.matchAll(/(\w+)(?:="(.*?)")?(?=[ >])/g)].map(([, name, value]) => [name, value ?? true]));
const fields = page.match(/<input name="\w+".*?>/g).map((tag) => new Element(attributesOf(tag)));
const elements = Object.fromEntries(fields.map((field) => [field.name, field]));
const form = new Element({ elements: Object.assign(fields, elements) });
const byId = { form, row: { content: { firstElementChild: new Element() } } };
byId.engine = { textContent: contentOf(' type="text/plain" id="engine"') };
byId.model = { textContent: contentOf(' type="application/json" id="model"') };

class Worker {
  constructor(source) {
    const events = `const { parentPort } = require("node:worker_threads");
      var postMessage = (data) => parentPort.postMessage(data);
      parentPort.on("message", (data) => onmessage({ data }));`;
    this.thread = new Thread(events + source, { eval: true });
    this.thread.on("message", (data) => this.onmessage({ data }));
  }
  postMessage(data) { this.thread.postMessage(data); }
  terminate() { this.thread.terminate(); }
}
class FormData extends URLSearchParams {
  constructor() {
    super(fields.filter(({ type, checked }) => type !== "checkbox" || checked).map(({ name, value }) => [name, value]));
  }
}
const button = { click: () => form.onsubmit({ preventDefault() {} }) };
const document = { getElementById: (id) => (byId[id] ??= new Element()), querySelector: () => button,
  querySelectorAll: () => [], createElement: () => new Element() };
const globals = { document, Worker, FormData, location: { hash: "" }, history: { replaceState() {} }, innerWidth: 1440,
  localStorage: { getItem: () => null }, Blob: class { constructor(parts) { this.source = parts.join(""); } },
  URL: { createObjectURL: ({ source }) => source }, addEventListener() {} };
for (const [name, value] of Object.entries(globals))
  Object.defineProperty(globalThis, name, { value, writable: true });
runInThisContext(contentOf(""));
console.log(JSON.stringify(await runInThisContext(`(async () => {${script}})()`)));
process.exit();
