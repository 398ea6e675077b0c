// Runs scripts in a page in Chromium over the DevTools protocol. Prints their values and the errors.
// The page is reloaded before the second script and each later script.
// Usage: node browser.mjs CHROMIUM PAGE WIDTH HEIGHT SCHEME PICTURE SCRIPT...
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [chromium, page, width, height, scheme, picture, ...scripts] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "chromium-"));
const options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--remote-debugging-port=0", `--user-data-dir=${folder}`, "about:blank"];
const browser = spawn(chromium, options, { stdio: "ignore" });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function port() {
  for (let attempt = 0; attempt < 300; attempt++, await pause(100))
    try {
      // The file is empty at first.
      return readFileSync(join(folder, "DevToolsActivePort"), "utf8").match(/^\d+(?=\n)/)[0];
    } catch {}
  throw new Error("Chromium did not start.");
}

try {
  const targets = await (await fetch(`http://127.0.0.1:${await port()}/json`)).json();
  const socket = new WebSocket(targets.find(({ type }) => type === "page").webSocketDebuggerUrl);
  await new Promise((resolve) => (socket.onopen = resolve));
  const pending = new Map(), problems = [], events = new Map();
  socket.onmessage = ({ data }) => {
    const { id, result, error, method, params } = JSON.parse(data);
    if (id) pending.get(id)(error ?? result);
    events.get(method)?.();
    if (method === "Runtime.exceptionThrown") problems.push(params.exceptionDetails.text);
    if (method === "Log.entryAdded" && params.entry.level === "error") problems.push(params.entry.text);
    if (method === "Network.requestWillBeSent" && !/^(file|blob|data):/.test(params.request.url))
      problems.push(`The page requests ${params.request.url}.`);
  };
  let n = 0;
  const call = (method, params = {}) => new Promise((resolve) => {
    pending.set(++n, resolve);
    socket.send(JSON.stringify({ id: n, method, params }));
  });
  for (const domain of ["Runtime", "Log", "Network", "Page"]) await call(`${domain}.enable`);
  const size = { width: Number(width), height: Number(height), deviceScaleFactor: 1, mobile: false };
  await call("Emulation.setDeviceMetricsOverride", size);
  const features = [{ name: "prefers-color-scheme", value: scheme }];
  await call("Emulation.setEmulatedMedia", { features });
  const values = [];
  for (const script of scripts) {
    const loaded = new Promise((resolve) => events.set("Page.loadEventFired", resolve));
    await (values.length ? call("Page.reload") : call("Page.navigate", { url: pathToFileURL(page).href }));
    await loaded;
    const run = { expression: `(async () => {${script}})()`, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await call("Runtime.evaluate", run);
    if (exceptionDetails) problems.push(exceptionDetails.exception?.description ?? "The script failed.");
    values.push(result?.value);
  }
  const { data } = await call("Page.captureScreenshot", { captureBeyondViewport: true });
  writeFileSync(picture, Buffer.from(data, "base64"));
  console.log(JSON.stringify({ values, problems }));
} finally {
  browser.kill("SIGKILL");
  await pause(200);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
