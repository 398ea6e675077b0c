// Writes names with a model that sknamegen saved: load(model).sample({seed: "Ma", random: 1}).
// A model predicts the next character. start(windows, labels) reads contexts; advance(state, windows,
// labels) reads the last character of each, when that was appended. Both return [state, logits], and
// select(state, rows) keeps some rows. A window is the indices of the last characters, -1 where there
// are none; all windows of a call have as many. A label is an index, -1 for none.
const END = "\u0003";
const ARRAYS = { f2: Uint16Array, f4: Float32Array, i4: Int32Array, u8: BigUint64Array };
const half = (bits, exponent = (bits >> 10) & 31, fraction = bits & 1023) => (bits & 0x8000 ? -1 : 1)
  * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : fraction * 2 ** -24);
// An array of numbers: little-endian, as base64.
function decode({ dtype, data }) {
  const text = atob(data), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const array = new ARRAYS[dtype](bytes.buffer);
  return dtype === "f2" ? new Float32Array(array).map((bits) => half(bits)) : array;
}
// Replace all arrays in a nested object.
function decoded(value) {
  if (value === null || typeof value !== "object") return value;
  if ("dtype" in value) return decode(value);
  const items = Object.entries(value).map(([key, item]) => [key, decoded(item)]);
  return Array.isArray(value) ? items.map(([, item]) => item) : Object.fromEntries(items);
}

// Add the products of a matrix (nRows, nColumns) and vectors, which follow each other in x, to out.
// Four vectors at a time, so that each weight is read from memory once for them.
function addProducts(matrix, nRows, nColumns, x, out) {
  const n = x.length / nColumns;
  for (let b = 0; b < n; b += 4) {
    const rows = [0, 1, 2, 3].map((i) => Math.min(b + i, n - 1) * nColumns);
    const [x0, x1, x2, x3] = rows.map((first) => x.subarray(first, first + nColumns));
    for (let row = 0, cell = 0; row < nRows; row++) {
      let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (let k = 0; k < nColumns; k++) {
        const weight = matrix[cell++];
        s0 += weight * x0[k]; s1 += weight * x1[k];
        s2 += weight * x2[k]; s3 += weight * x3[k];
      }
      // Beyond the end nothing is written.
      [s0, s1, s2, s3].forEach((sum, i) => (out[(b + i) * nRows + row] += sum));
    }
  }
}
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
function logSumExp(values) {
  const max = values.reduce((a, b) => Math.max(a, b), -Infinity);
  return max + Math.log(values.reduce((sum, value) => sum + Math.exp(value - max), 0));
}
const rowsOf = (flat, size) =>
  Array.from({ length: flat.length / size }, (_, i) => flat.subarray(i * size, (i + 1) * size));

// Gates are input, forget, candidate and output.
class LSTM {
  constructor({ units, characters, vectors, layers, head }) {
    Object.assign(this, { units, characters, layers, head });
    // What each character and each label adds to the gates of the first layer.
    const [{ into, bias }] = layers, nGates = 4 * units, nColumns = into.length / nGates;
    const inputs = new Float32Array((vectors.length / nColumns) * nGates);
    addProducts(into, nGates, nColumns, vectors, inputs);
    this.inputs = rowsOf(inputs, nGates);
    for (const row of this.inputs.slice(0, characters + 2)) row.forEach((_, i) => (row[i] += bias[i]));
  }

  start(windows, labels) {
    const first = windows[0].findIndex((index) => index >= 0);
    const zeros = () => new Float32Array(windows.length * this.units);
    const state = { read: 0, layers: this.layers.map(() => ({ hidden: zeros(), memory: zeros() })) };
    for (let t = first; t < windows[0].length; t++)
      this.read(state, windows.map((window) => window[t]), labels);
    return [state, this.predict(state)];
  }

  advance(state, windows, labels) {
    // What has left the window must leave the state, too.
    if (state.read === windows[0].length) return this.start(windows, labels);
    this.read(state, windows.map((window) => window.at(-1)), labels);
    return [state, this.predict(state)];
  }

  select({ read, layers }, rows, units = this.units) {
    const picked = (flat) => new Float32Array(rows.length * units).map(
      (_, i) => flat[rows[Math.floor(i / units)] * units + (i % units)]);
    const of = ({ hidden, memory }) => ({ hidden: picked(hidden), memory: picked(memory) });
    return { read, layers: layers.map(of) };
  }

  read(state, characters, labels) {
    const { units } = this, nGates = 4 * units;
    const gates = new Float32Array(characters.length * nGates);
    state.read += 1;
    this.layers.forEach(({ into, back, bias }, layer) => {
      const { hidden, memory } = state.layers[layer];
      rowsOf(gates, nGates).forEach((row, i) => {
        row.set(layer ? bias : this.inputs[characters[i]]);
        const ofLabel = labels[i] >= 0 && !layer && this.inputs[this.characters + 2 + labels[i]];
        if (ofLabel) ofLabel.forEach((value, k) => (row[k] += value));
      });
      if (layer) addProducts(into, nGates, units, state.layers[layer - 1].hidden, gates);
      addProducts(back, nGates, units, hidden, gates);
      for (let i = 0; i < hidden.length; i++) {
        const g = i + 3 * units * Math.floor(i / units);
        const input = sigmoid(gates[g]), forget = sigmoid(gates[g + units]);
        memory[i] = forget * memory[i] + input * Math.tanh(gates[g + 2 * units]);
        hidden[i] = sigmoid(gates[g + 3 * units]) * Math.tanh(memory[i]);
      }
    });
  }

  predict({ layers }) {
    const { hidden } = layers.at(-1), { characters, units, head } = this;
    const logits = new Float32Array((hidden.length / units) * characters);
    for (const row of rowsOf(logits, characters)) row.set(head.bias);
    addProducts(head.weight, characters, units, hidden, logits);
    return rowsOf(logits, characters);
  }
}

// Kneser-Ney counts. Contexts are numbered: first those that are only a kind of characters, the roots.
class NGrams {
  constructor({ shared, ...counts }) {
    Object.assign(this, counts, { shared: shared && new NGrams(shared), ids: new Map() });
    this.nRoots = this.parents.length - this.farthest.length;
    const parents = this.parents.slice(this.nRoots);
    parents.forEach((id, i) => this.ids.set(id * this.radix + this.farthest[i], this.nRoots + i));
  }

  start(windows, labels) {
    const logits = windows.map((window, i) => this.proba(window, labels[i]));
    logits.forEach((row) => row.forEach((p, c) => (row[c] = Math.log(Math.max(p, 1e-300)))));
    return [null, logits];
  }

  advance = (state, ...given) => this.start(...given);
  select = () => null;

  proba(window, label) {
    const recent = window.slice(window.length - this.order + 1).reverse(), { characters } = this;
    let id = this.kinds.at(this.order > 1 ? recent[0] : -1), left = 1;
    for (const index of this.hasLabels ? [label, ...recent] : recent) {
      const longer = index < 0 ? undefined : this.ids.get(id * this.radix + index);
      if (longer === undefined) break;
      id = longer;
    }
    const proba = new Float64Array(characters);
    for (; id >= this.nRoots; left *= this.backoff[id], id = this.parents[id])
      for (let i = this.first[id]; i < this.first[id + 1]; i++)
        proba[this.last[i]] += left * this.weights[i];
    for (let c = 0; c < characters; c++) proba[c] += left * this.roots[id * characters + c];
    if (!this.shared) return proba;
    const ofAll = this.shared.proba(window, -1);
    return proba.map((p, c) => this.labelWeight * p + (1 - this.labelWeight) * ofAll[c]);
  }
}

// What is added to the logits of characters that are rare after the kinds before them, or that no
// name of the label holds.
class Penalty {
  constructor({ seen, ...tables }) {
    Object.assign(this, tables, { seen: seen.map((letters) => new Set(letters)) });
  }

  addTo(logits, windows, labels) {
    logits.forEach((row, i) => {
      let context = this.first[Math.max(labels[i], 0)];
      for (const index of windows[i])
        if (index >= 0) context = this.after[context * this.nKinds + this.kinds[index]];
      const byKind = this.byKind.subarray(context * this.nKinds), seen = this.seen[labels[i]];
      row.forEach((_, c) => {
        row[c] += byKind[this.kinds[c]] + (seen && !seen.has(c) ? this.unseen[labels[i]] : 0);
      });
    });
  }
}

// Logits of a model over a larger alphabet, where what it does not know has a share of its kind.
function outer(logits, { places, missing, shares }) {
  const total = logSumExp(logits), all = new Float64Array(places.length + missing.length);
  const proba = logits.map((x, i) => Math.exp((all[places[i]] = x - total)));
  missing.forEach((place, m) => {
    const p = proba.reduce((sum, q, i) => sum + q * shares[i * missing.length + m], 0);
    all[place] = Math.log(Math.max(p, 1.2e-38));
  });
  return all;
}

// The mean of the logits of models, whose weights sum to 1, and a penalty. A component may have a label
// of its own, or another alphabet.
class Mixture {
  constructor({ components, penalty }) {
    this.components = components.map((part) => ({ ...part, model: make(part.model) }));
    this.penalty = penalty && new Penalty(penalty);
  }

  start = (...given) => this.advance(null, ...given);
  select = (states, rows) => states.map((state, i) => this.components[i].model.select(state, rows));

  // Without states it starts.
  advance(before, windows, labels) {
    const means = [];
    const states = this.components.map(({ model, weight, label, alphabet }, i) => {
      const inner = (window) => window.map((index) => (index < 0 ? index : alphabet.inner[index]));
      const own = label < 0 ? labels : labels.map(() => label);
      const given = [alphabet ? windows.map(inner) : windows, own];
      const [state, logits] = before ? model.advance(before[i], ...given) : model.start(...given);
      logits.forEach((row, r) => {
        const all = alphabet ? outer(row, alphabet) : row;
        means[r] ??= new Float64Array(all.length);
        for (let c = 0; c < all.length; c++) means[r][c] += weight * all[c];
      });
      return state;
    });
    this.penalty?.addTo(means, windows, labels);
    return [states, means];
  }
}

const TYPES = { mixture: Mixture, lstm: LSTM, ngrams: NGrams };
const make = (model) => (model.start ? model : new TYPES[model.type](model)); // or made already

// Random numbers in [0, 1) that a seed decides: mulberry32, by Tommy Ettinger.
const randomNumbers = (state) => () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

function draw(logits, temperature, random) {
  const max = logits.reduce((a, b) => Math.max(a, b)), top = logits.indexOf(max);
  if (temperature === 0) return top;
  const weights = logits.map((x) => Math.exp((x - max) / temperature));
  let left = random() * weights.reduce((a, b) => a + b);
  const drawn = weights.findIndex((weight) => (left -= weight) < 0);
  return drawn < 0 ? top : drawn;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const length = (name) => [...segmenter.segment(name)].length; // in characters as people count
// Whether a name consists of whole characters: no mark at its beginning, no half flag, no loose joiner.
const isWhole = (name) => !/^[\p{M}\p{EMod}]|\u200d$/u.test(name) && [...segmenter.segment(name)].every(
  ({ segment }) => !/^\p{RI}(?!\p{RI})|^\u200d|[\u{E0020}-\u{E007E}]$/u.test(segment));
// FNV-1a of the code points, 64 bits.
const hash = (name) => [...name].reduce((bits, letter) => BigInt.asUintN(64,
  (bits ^ BigInt(letter.codePointAt(0))) * 0x100000001b3n), 0xcbf29ce484222325n);

class Generator {
  constructor({ model, ...saved }) {
    Object.assign(this, saved, { model: make(model), known: new Set(saved.hashes) });
    this.index = new Map(this.letters.map((letter, i) => [letter, i]));
  }

  // The indices of a text, in a spelling that is known if there is one.
  read(text) {
    const { index } = this, spellings = [text.normalize("NFC"), text, text.normalize("NFD")];
    const known = spellings.find((spelling) => [...spelling].every((letter) => index.has(letter)));
    return [...(known ?? spellings[0])].map((c) => index.get(c) ?? this.letters.length + 1);
  }
  windowOf = (indices) =>
    [...Array(this.window).fill(-1), this.letters.length, ...indices].slice(-this.window);
  // The index of a label, -1 for none.
  place(label) {
    const place = label === undefined ? -1 : this.labels.indexOf(String(label));
    if (label !== undefined && place < 0) throw new Error(`The model has no label ${label}.`);
    return place;
  }

  // In nats, as score_samples in Python. Without a label: any, each as probable as it was frequent.
  logLikelihood(name, label) {
    const indices = [...this.read(name), this.index.get(END)];
    if (label === undefined && this.labels.length) return logSumExp(this.joint(indices));
    return this.scores(indices, [this.place(label)])[0];
  }

  // The log-probability of each label and of what comes first in its names.
  joint = (indices) =>
    this.scores(indices, [...this.labels.keys()]).map((score, i) => score + this.prior[i]);

  scores(indices, labels) {
    const windows = (n) => labels.map(() => this.windowOf(indices.slice(0, n)));
    let scores = labels.map(() => 0), [state, logits] = this.model.start(windows(0), labels);
    indices.forEach((c, i) => {
      const of = (row) => (c < row.length ? row[c] - logSumExp(row) : -Math.log(this.seen + 1));
      scores = scores.map((score, k) => score + of(logits[k]));
      if (i + 1 < indices.length) [state, logits] = this.model.advance(state, windows(i + 1), labels);
    });
    return scores;
  }

  // Return a name, or n of them; those that do not fit are drawn again, until tries or seconds are
  // over. A label may be a blend: an object of labels to weights.
  sample({ seed = "", temperature = 1, n, random, label, minLength = 1, maxLength = this.longest,
    pattern, novel = false, unique = false, tries = 1000, seconds = Infinity } = {}) {
    const prefix = this.read(seed), names = [], wanted = n ?? 1;
    if (prefix.some((index) => index > this.letters.length))
      throw new Error(`The model does not know all letters of ${seed}.`);
    const next = random === undefined ? Math.random : randomNumbers(random);
    const whole = pattern && new RegExp(pattern, "u") && new RegExp(`^(?:${pattern})$`, "u");
    const fits = (name) => length(name) >= minLength && length(name) <= maxLength && isWhole(name)
      && !(whole && !whole.test(name)) && !(novel && this.known.has(hash(name)))
      && !(unique && names.includes(name));
    const end = Date.now() + 1000 * seconds, isOver = () => Date.now() > end;
    const how = this.choose(prefix, label, next);
    for (let drawn = 0; names.length < wanted && drawn < tries * wanted && !isOver(); ) {
      const size = Math.min(32, Math.max(wanted - names.length, Math.ceil(drawn / 4)));
      for (const name of this.write(prefix, size, temperature, how, maxLength, next, isOver))
        if (names.length < wanted && fits(name)) names.push(name);
      drawn += size;
    }
    if (n !== undefined) return names;
    if (names.length) return names[0];
    throw new Error("No name fits: relax the pattern or the lengths.");
  }

  // Return the model of a label or a blend, and a function that draws the label of a name.
  choose(prefix, label, random, model = this.model) {
    if (label !== null && typeof label === "object") {
      const total = Object.values(label).reduce((sum, weight) => sum + weight, 0);
      if (!Object.values(label).every((w) => w > 0)) throw new Error("Weights must be > 0.");
      const components = Object.entries(label).map(
        ([name, weight]) => ({ model, weight: weight / total, label: this.place(name) }));
      return [new Mixture({ components }), () => -1];
    }
    const place = this.place(label), joint = place < 0 && this.labels.length && this.joint(prefix);
    return [model, () => (joint ? draw(joint, 1, random) : place)];
  }

  // Write names freely, without those that become too long; none if the time is over.
  write(prefix, size, temperature, [model, drawLabel], maxLength, random, isOver) {
    const textOf = (row) => row.map((index) => this.letters[index]).join("");
    const isShort = (row) => row.length <= maxLength
      || (row.length <= 16 * maxLength && length(textOf(row)) <= maxLength);
    let labels = Array.from({ length: size }, drawLabel), rows = labels.map(() => prefix), names = [];
    let [state, logits] = model.start(rows.map((row) => this.windowOf(row)), labels);
    while (rows.length && !isOver()) {
      const drawn = logits.map((row) => draw(row, temperature, random));
      const isEnd = drawn.map((c) => this.letters[c] === END);
      names.push(...rows.filter((_, i) => isEnd[i]));
      const longer = rows.map((row, i) => [...row, drawn[i]]);
      const going = [...rows.keys()].filter((i) => !isEnd[i] && isShort(longer[i]));
      rows = going.map((i) => longer[i]);
      labels = going.map((i) => labels[i]);
      const windows = rows.map((row) => this.windowOf(row));
      if (rows.length) [state, logits] = model.advance(model.select(state, going), windows, labels);
    }
    return rows.length ? [] : names.map(textOf);
  }
}

// Return a generator of a model, as parsed from JSON.
export const load = (saved) => new Generator(decoded(saved));
