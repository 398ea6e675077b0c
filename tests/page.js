// Scripts for browser.mjs: tools for all scripts, then what is done after each load of the page.
const at = (id) => document.getElementById(id);
const field = at("form").elements;
const boxes = at("labels").querySelectorAll("input");
const namesIn = (id) => [...at(id).children].map((item) => item.textContent);
const names = () => namesIn("names");
const until = async (test, times = 500) => {
  for (let i = 0; i < times && !test(); i++) await new Promise((done) => setTimeout(done, 20));
};
const submit = () => document.querySelector(".main").click();
const press = async (set = () => {}, generate = submit) => {
  const before = at("names").firstChild;
  set();
  generate();
  await until(() => at("names").firstChild !== before);
  await until(() => at("names").getAttribute("aria-busy") === "false");
  return names();
};
const says = (start, times) => until(() => at("message").textContent.startsWith(start), times);
const score = async (name) => {
  at("score").textContent = "";
  at("name").value = name;
  at("name").dispatchEvent(new Event("input"));
  await until(() => at("score").textContent);
  return at("score").textContent;
};
await until(() => names().length);
// ---
const details = [...document.querySelectorAll("details")], bottom = (element) =>
  element.getBoundingClientRect().bottom;
const result = {first: names(), open: details.map(({ open }) => open),
  isNamesFirst: bottom(at("names")) < at("form").getBoundingClientRect().top,
  novel: field.novel.checked, title: document.title,
  heading: document.querySelector("h1").textContent};
result.again = await press();

const repeat = () => { field.random.value = 7; };
result.seeded = [await press(repeat), await press(), await press(repeat)];
result.three = await press(() => { field.n.value = 3; });
result.unseeded = await press(() => { field.random.value = ""; });
result.random = field.random.value;
field.n.value = 10;
field.temperature.value = 0.5;
field.temperature.dispatchEvent(new Event("input"));
result.temperature = at("shown").value;
result.matching = await press(() => {
  field.seed.value = "Ma"; field.pattern.value = ".*[ae]"; field.maxLength.value = 6;
  boxes.forEach((box) => (box.checked = box.value === "female"));
});
result.blend = await press(() => {
  field.pattern.value = "";
  boxes.forEach((box) => (box.checked = true));
});
field.pattern.value = "q{9}x";
submit();
await says("No name");
result.none = [names(), at("message").textContent];
field.pattern.value = "";
details.forEach((each) => (each.open = false));
field.maxLength.value = 0;
at("form").requestSubmit();
result.invalid = details.map(({ open }) => open);
field.maxLength.value = 9;
await press();

const copied = [], asked = [], write = async (text) => { copied.push(text); };
Object.defineProperty(navigator, "clipboard", { value: { writeText: write }, writable: true });
const button = (list, row, column) => at(list).children[row].children[column];
for (const row of [0, 1, 2]) button("names", row, 1).click();
button("favourites", 1, 1).click();
result.focused = document.activeElement.textContent;
result.pressed = [0, 1, 2].map((row) => button("names", row, 1).getAttribute("aria-pressed"));
const storage = Storage.prototype.setItem;
Storage.prototype.setItem = () => { throw new Error("full"); };
button("names", 3, 1).click();
result.unsaved = namesIn("favourites");
Storage.prototype.setItem = storage;
button("favourites", 2, 1).click();
button("names", 0, 0).click();
for (const id of ["copy", "copyFavourites", "link"]) at(id).click();
navigator.clipboard = undefined;
window.prompt = (message, text) => asked.push(text);
at("copy").click();
await until(() => asked.length);

result.scores = [await score("Maria"), await score("Zqxjkvwwwqqzzxx")];
boxes.forEach((box) => (box.checked = box.value === "male"));
at("score").textContent = "";
at("labels").dispatchEvent(new Event("change"));
result.scores.push(await score("Maria"));
return {...result, copied, asked, names: names(), favourites: namesIn("favourites"),
  width: document.documentElement.scrollWidth, link: location.href};
// ---
const result = {names: names(), favourites: namesIn("favourites"), seed: field.seed.value,
  labels: [...boxes].map(({ checked }) => checked), length: field.maxLength.value};
const hash = "#seed=Jo&n=4&random=5";
result.linked = await press(() => { location.hash = hash; }, () => {});
localStorage.setItem(`sknamegen ${document.title}`, "{");
return result;
