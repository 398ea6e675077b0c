// Generates names with a model saved by sknamegen: load(model).sample({seed: "Ma", random: 1}).
// A model predicts the next character. start(windows, labels) reads contexts. advance(state, windows,
// labels) reads the character appended to each window. Both return [state, logits]. select(state, rows)
// returns the state of some rows. A window contains the indices of the last characters, padded with -1.
// All windows in a call have the same length. A label is an index, or -1 without labels.
const END = "\u0003";
const ARRAYS = { f2: Uint16Array, f4: Float32Array, i4: Int32Array, u8: BigUint64Array };
const float16 = (bits, exponent = (bits >> 10) & 31, fraction = bits & 1023) => (bits & 0x8000 ? -1 : 1)
  * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : fraction * 2 ** -24);
// Decode a little-endian array from base64.
function decode({ dtype, data }) {
  const text = atob(data), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const array = new ARRAYS[dtype](bytes.buffer);
  return dtype === "f2" ? new Float32Array(array).map((bits) => float16(bits)) : array;
}
// Decode all arrays in a nested object.
function decodeArrays(value) {
  if (value === null || typeof value !== "object") return value;
  if ("dtype" in value) return decode(value);
  const items = Object.entries(value).map(([key, item]) => [key, decodeArrays(item)]);
  return Array.isArray(value) ? items.map(([, item]) => item) : Object.fromEntries(items);
}

// Multiply a matrix (nRows, nColumns) by each vector in x, and add the products to out.
// Processing four vectors at a time loads each weight only once for all four.
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
      // Typed arrays ignore writes beyond their end.
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

// An LSTM. The gates are input, forget, candidate and output.
class LSTM {
  constructor({ units, characters, vectors, layers, head }) {
    Object.assign(this, { units, characters, layers, head });
    // Contribution of each character and each label to the gates of the first layer.
    const [{ into, bias }] = layers, nGates = 4 * units, nColumns = into.length / nGates;
    const inputs = new Float32Array((vectors.length / nColumns) * nGates);
    addProducts(into, nGates, nColumns, vectors, inputs);
    this.inputs = rowsOf(inputs, nGates);
    for (const row of this.inputs.slice(0, characters + 2)) row.forEach((_, i) => (row[i] += bias[i]));
  }

  start(windows, labels) {
    const first = windows[0].findIndex((index) => index >= 0);
    const zeros = () => new Float32Array(windows.length * this.units);
    const state = { nRead: 0, layers: this.layers.map(() => ({ hidden: zeros(), cell: zeros() })) };
    for (let t = first; t < windows[0].length; t++)
      this.read(state, windows.map((window) => window[t]), labels);
    return [state, this.predict(state)];
  }

  advance(state, windows, labels) {
    // A full window drops its first character, which the state still contains.
    if (state.nRead === windows[0].length) return this.start(windows, labels);
    this.read(state, windows.map((window) => window.at(-1)), labels);
    return [state, this.predict(state)];
  }

  select({ nRead, layers }, rows, units = this.units) {
    const gather = (flat) => new Float32Array(rows.length * units).map(
      (_, i) => flat[rows[Math.floor(i / units)] * units + (i % units)]);
    const selectRows = ({ hidden, cell }) => ({ hidden: gather(hidden), cell: gather(cell) });
    return { nRead, layers: layers.map(selectRows) };
  }

  read(state, characters, labels) {
    const { units } = this, nGates = 4 * units;
    const gates = new Float32Array(characters.length * nGates);
    state.nRead += 1;
    this.layers.forEach(({ into, back, bias }, layer) => {
      const { hidden, cell } = state.layers[layer];
      rowsOf(gates, nGates).forEach((row, i) => {
        row.set(layer ? bias : this.inputs[characters[i]]);
        const labelInputs = labels[i] >= 0 && !layer && this.inputs[this.characters + 2 + labels[i]];
        if (labelInputs) labelInputs.forEach((value, k) => (row[k] += value));
      });
      if (layer) addProducts(into, nGates, units, state.layers[layer - 1].hidden, gates);
      addProducts(back, nGates, units, hidden, gates);
      for (let i = 0; i < hidden.length; i++) {
        const g = i + 3 * units * Math.floor(i / units);
        const input = sigmoid(gates[g]), forget = sigmoid(gates[g + units]);
        cell[i] = forget * cell[i] + input * Math.tanh(gates[g + 2 * units]);
        hidden[i] = sigmoid(gates[g + 3 * units]) * Math.tanh(cell[i]);
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

// An n-gram model with Kneser-Ney smoothing. Its first contexts are the roots, the kinds of characters.
class NGrams {
  constructor({ shared, ...counts }) {
    Object.assign(this, counts, { shared: shared && new NGrams(shared), ids: new Map() });
    this.nRoots = this.parents.length - this.farthest.length;
    const parents = this.parents.slice(this.nRoots);
    parents.forEach((id, i) => this.ids.set(id * this.radix + this.farthest[i], this.nRoots + i));
  }

  // Return the logits in a context. Contexts before this.firstLong back off to the logits `lowest`, if given.
  logits(window, label, lowest) {
    const total = lowest && logSumExp(lowest), distribution = lowest && lowest.map((x) => Math.exp(x - total));
    return this.proba(window, label, distribution).map((p) => Math.log(Math.max(p, 1e-300)));
  }

  // Return the distribution in a context. Contexts before this.firstLong have the distribution `lowest`,
  // if given.
  proba(window, label, lowest) {
    const recent = window.slice(window.length - this.order + 1).reverse(), { characters } = this;
    let id = this.kinds.at(this.order > 1 ? recent[0] : -1), scale = 1;
    for (const index of this.hasLabels ? [label, ...recent] : recent) {
      const longerId = index < 0 ? undefined : this.ids.get(id * this.radix + index);
      if (longerId === undefined) break;
      id = longerId;
    }
    const proba = new Float64Array(characters);
    for (; id >= (lowest ? this.firstLong : this.nRoots); scale *= this.backoff[id], id = this.parents[id])
      for (let i = this.first[id]; i < this.first[id + 1]; i++)
        proba[this.last[i]] += scale * this.weights[i];
    const roots = lowest ?? this.roots.subarray(id * characters);
    for (let c = 0; c < characters; c++) proba[c] += scale * roots[c];
    if (!this.shared) return proba;
    const sharedProba = this.shared.proba(window, -1);
    return proba.map((p, c) => this.labelWeight * p + (1 - this.labelWeight) * sharedProba[c]);
  }
}

const weightedSum = (shares, [first, ...others]) => Float64Array.from(first, (x, c) =>
  others.reduce((sum, row, i) => sum + shares[i + 1] * row[c], shares[0] * x));

// The mean of networks, changed by n-grams, and penalties on characters that no name with the label contains
// and on kinds of characters that are rare after the preceding kinds.
class CharModel {
  constructor({ networks, ngrams, newCharacters, ...fields }) {
    Object.assign(this, fields, { networks: networks.map((network) => new LSTM(network)) });
    this.ngrams = ngrams && new NGrams(ngrams);
    this.seen = newCharacters?.seen.map((characters) => new Set(characters));
    this.penalties = newCharacters?.penalty;
  }

  start = (...args) => this.advance(null, ...args);
  select = (states, rows) => states.map((state, i) => this.networks[i].select(state, rows));

  // Start the networks if there are no previous states.
  advance(previous, ...args) {
    const outputs = this.networks.map((network, i) =>
      previous ? network.advance(previous[i], ...args) : network.start(...args));
    const rowsOf = (i) => outputs.map(([, logits]) => logits[i]), [windows, labels] = args;
    const logits = windows.map((window, i) => this.predict(rowsOf(i), window, labels[i]));
    return [outputs.map(([state]) => state), logits];
  }

  predict(rows, window, label) {
    let logits = rows.length && weightedSum(this.shares, rows), context = this.kinds.first[Math.max(label, 0)];
    if (this.ngrams) logits = this.ngrams.logits(window, label, logits || undefined);
    const { nKinds, kinds, after, byKind } = this.kinds, seen = this.seen?.[label];
    for (const index of window) if (index >= 0) context = after[context * nKinds + kinds[index]];
    const penalty = (c) => byKind[context * nKinds + kinds[c]] + (!seen || seen.has(c) ? 0 : this.penalties[label]);
    return logits.map((x, c) => x + penalty(c));
  }
}

// A blend of labels: the weighted mean of the model's logits for each of them. Weights sum to 1.
class Mixture {
  constructor(model, labels, shares) {
    Object.assign(this, { model, labels, shares });
  }

  start = (...args) => this.advance(null, ...args);
  select = (states, rows) => states.map((state) => this.model.select(state, rows));

  advance(previous, windows) {
    const outputs = this.labels.map((label, i) => {
      const args = [windows, windows.map(() => label)];
      return previous ? this.model.advance(previous[i], ...args) : this.model.start(...args);
    });
    const rowsOf = (i) => outputs.map(([, logits]) => logits[i]);
    return [outputs.map(([state]) => state), windows.map((_, i) => weightedSum(this.shares, rowsOf(i)))];
  }
}

// Seeded random numbers in [0, 1): mulberry32, by Tommy Ettinger.
const randomNumbers = (state) => () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

function draw(logits, temperature, random, minP = 0) {
  const max = logits.reduce((a, b) => Math.max(a, b)), best = logits.indexOf(max);
  if (temperature === 0) return best;
  const weights = logits.map((x) => Math.exp((x - max) / temperature)).map((w) => (w < minP ? 0 : w));
  let remaining = random() * weights.reduce((a, b) => a + b);
  const index = weights.findIndex((weight) => (remaining -= weight) < 0);
  return index < 0 ? best : index;
}

// 64-bit FNV-1a hash of the code points.
const hashOf = (name) => [...name].reduce((bits, character) => BigInt.asUintN(64,
  (bits ^ BigInt(character.codePointAt(0))) * 0x100000001b3n), 0xcbf29ce484222325n);

// How names are chosen, as in sknamegen/_sampling/best.py.
const MAX_CHOSEN = 1000, COPY_COST = 3, WORD_COST = 2, OPENING = 0.9;
// The n-grams of a name and its ends, up to three characters.
function ngramsOf(name) {
  const text = ["\0", ...name.toLowerCase(), "\0"];
  return new Set([1, 2, 3].flatMap((n) => text.slice(n - 1).map((_, i) => text.slice(i, i + n).join(""))));
}
// The likeness of two names: the cosine of their n-grams, or their common beginning, if that is greater.
function likeness(a, b) {
  const nCommon = [...a.ngrams].filter((ngram) => b.ngrams.has(ngram)).length;
  const [first, second] = [a, b].map(({ name }) => [...name.toLowerCase().padEnd(4, "\0")].slice(0, 4));
  const end = first.findIndex((character, i) => character !== second[i]);
  return Math.max(nCommon / Math.sqrt(a.ngrams.size * b.ngrams.size), OPENING * (end < 0 ? 4 : end) / 4);
}

class Generator {
  constructor({ model, ...saved }) {
    Object.assign(this, saved, { model: new CharModel(model), trainingHashes: new Set(saved.hashes) });
    this.wordShares = new Map(Array.from(saved.wordHashes, (hash, i) => [hash, saved.wordShares[i]]));
    this.index = new Map(this.characters.map((character, i) => [character, i]));
  }

  // A name in lower case, letter by letter, as in the hashes.
  folded = (name) => Array.from(name, (character) => this.lower[this.index.get(character)]).join("");

  // Whether a word, or the part of a word at an apostrophe, occurs twice in a name, and in no training name.
  wordsOf = (name) => this.folded(name).match(/\p{L}[\p{L}\p{M}]*(['’]\p{L}[\p{L}\p{M}]*)*/gu) ?? [];
  repeatsWord(name) {
    const words = this.wordsOf(name);
    const parts = words.flatMap((word) => {
      const long = word.split(/['’]/).filter((part) => [...part].length > 1);
      return long.length ? long : [word];
    });
    return !this.repeatsWords && new Set(parts).size < parts.length;
  }

  // The indices of a text, in the first spelling (NFC, original, NFD) that the alphabet covers, if any.
  indicesOf(text) {
    const { index } = this, spellings = [text.normalize("NFC"), text, text.normalize("NFD")];
    const spelling = spellings.find((text) => [...text].every((character) => index.has(character)));
    return [...(spelling ?? spellings[0])].map((c) => index.get(c) ?? this.characters.length + 1);
  }
  // The length of a text in characters (grapheme clusters, as in Python), and whether it is complete: no
  // initial mark, no half flag, no dangling joiner. The length is infinite if no name begins like the text.
  clustersOf(text) {
    const { classes, starts, next, accepts } = this.clusters;
    let state = 0, length = 0;
    for (const character of text) {
      if (state < 0) return { length: Infinity, isComplete: false };
      const column = classes[this.index.get(character)];
      length += starts[state][column];
      state = next[state][column];
    }
    return { length, isComplete: state >= 0 && accepts[state] };
  }
  windowOf = (indices) =>
    [...Array(this.window).fill(-1), this.characters.length, ...indices].slice(-this.window);
  // The index of a label, or -1 without a label.
  labelIndex(label) {
    const index = label === undefined ? -1 : this.labels.indexOf(String(label));
    if (label !== undefined && index < 0) throw new Error(`The model has no label ${label}.`);
    return index;
  }

  // Log-likelihood in nats, as in score_samples. Without a label, weight the labels by frequency.
  logLikelihood(name, label) {
    const known = (index) => (this.own && !this.own[index] ? this.characters.length + 1 : index);
    const indices = [...this.indicesOf(name).map(known), this.index.get(END)];
    return this.logProba(indices, label);
  }

  // The log-probability of the beginning of a name.
  logProba(indices, label) {
    if (label === undefined && this.labels.length) return logSumExp(this.jointLogProba(indices));
    return this.scores(indices, [this.labelIndex(label)])[0];
  }

  // A beginning as typed, or in lower case, capitals or title case if that is ten times as probable.
  inUsualCase(text) {
    const lower = text.toLowerCase(), title = lower.replace(/(?<!\p{L}\p{M}*)\p{L}/gu, (c) => c.toUpperCase());
    const score = (spelling, indices = this.indicesOf(spelling)) => indices.some((i) => i > this.characters.length)
      ? -Infinity : this.logProba(indices) + (spelling === text ? Math.log(10) : 0);
    return [text, lower, text.toUpperCase(), title].reduce((a, b) => (score(b) > score(a) ? b : a));
  }

  // The joint log-probability of each label and the beginning of a name.
  jointLogProba = (indices) =>
    this.scores(indices, [...this.labels.keys()]).map((score, i) => score + this.prior[i]);

  scores(indices, labels) {
    const windows = (n) => labels.map(() => this.windowOf(indices.slice(0, n)));
    let scores = labels.map(() => 0), [state, logits] = this.model.start(windows(0), labels);
    indices.forEach((c, i) => {
      const logProba = (row) => (c < row.length ? row[c] - logSumExp(row) : -Math.log(this.seen + 1));
      scores = scores.map((score, k) => score + logProba(logits[k]));
      if (i + 1 < indices.length) [state, logits] = this.model.advance(state, windows(i + 1), labels);
    });
    return scores;
  }

  // Return a name, or n names, chosen from bestOf candidates for each. Candidates that violate the constraints
  // are redrawn, up to the limits on tries and seconds, and to twice as many draws if there are n of them.
  // A label may be a blend, an object that maps labels to weights.
  sample({ seed = "", temperature = 1, n, random, label, minLength = 1, maxLength = this.longest, minP = 0,
    bestOf = 1, diversityPenalty = 1, pattern, novel = false, unique = false, tries = 1000, seconds = Infinity } = {}) {
    const prefix = this.indicesOf(seed), nNames = n ?? 1, nWanted = nNames * bestOf;
    const candidates = [], seen = new Set();
    if (!(temperature >= 0)) throw new Error(`temperature must be >= 0. Got ${temperature}.`);
    if (!(minP >= 0 && minP <= 1)) throw new Error(`minP must be in [0, 1]. Got ${minP}.`);
    if (!(Number.isInteger(bestOf) && bestOf > 0)) throw new Error(`bestOf must be an integer >= 1. Got ${bestOf}.`);
    if (prefix.some((index) => index > this.characters.length))
      throw new Error(`The model has not seen all characters of ${seed}.`);
    const rng = random === undefined ? Math.random : randomNumbers(random);
    const fullPattern = pattern && new RegExp(pattern, "u") && new RegExp(`^(?:${pattern})$`, "u");
    const isAllowed = ({ length, isComplete }) => isComplete && length >= minLength && length <= maxLength;
    const qualifies = (name) => isAllowed(this.clustersOf(name)) && !(fullPattern && !fullPattern.test(name))
      && !(novel && this.trainingHashes.has(hashOf(this.folded(name)))) && !(unique && seen.has(name))
      && !(bestOf > 1 && this.repeatsWord(name));
    const deadline = Date.now() + 1000 * seconds, isTimeUp = () => Date.now() > deadline;
    const choice = this.chooseModel(prefix, label, rng), options = { temperature, minP, maxLength };
    for (let nDrawn = 0; candidates.length < nWanted && nDrawn < tries * nNames && !isTimeUp(); ) {
      if (candidates.length >= nNames && nDrawn >= 2 * nWanted) break;
      const size = Math.min(32, Math.max(nWanted - candidates.length, Math.ceil(nDrawn / 4)));
      for (const candidate of this.generate(prefix, size, options, choice, rng, isTimeUp))
        if (candidates.length < nWanted && qualifies(candidate.name)) {
          candidates.push(candidate);
          seen.add(candidate.name);
        }
      nDrawn += size;
    }
    const names = [], rowOf = (i) => (i < nNames ? i : Math.floor((i - nNames) / (bestOf - 1)));
    for (let first = 0; first < Math.min(nNames, candidates.length); first += MAX_CHOSEN) {
      const isOwn = (_, i) => Math.floor(rowOf(i) / MAX_CHOSEN) === first / MAX_CHOSEN;
      const wanted = candidates.slice(first, Math.min(first + MAX_CHOSEN, nNames));
      names.push(...(bestOf > 1 ? this.choose(candidates.filter(isOwn), wanted, diversityPenalty) : wanted));
    }
    if (n !== undefined) return names.map(({ name }) => name);
    if (names.length) return names[0].name;
    throw new Error("No name matches. Relax the pattern or the length limits.");
  }

  // Choose a candidate with the label of each wanted name: one after another, the candidate with the highest
  // score minus its likeness to the nearest name chosen before, and minus the excess of its words over those of
  // the list. A name is chosen twice only if there is no other.
  choose(candidates, wanted, penalty) {
    const distinct = [...new Map(candidates.map((item) => [`${item.label} ${item.name}`, item])).values()];
    const wordsOf = (name) => (this.wordsOf(name).length > 1 ? [...new Set(this.wordsOf(name))] : []);
    const items = distinct.map(({ name, score, label }) =>
      ({ name, score, label, alike: 0, nChosen: 0, ngrams: ngramsOf(name), words: wordsOf(name) }));
    for (const label of new Set(wanted.map((item) => item.label))) {
      const pool = candidates.filter((item) => item.label === label), scores = pool.map(({ score }) => score);
      const mean = scores.reduce((a, b) => a + b) / scores.length;
      const spread = Math.sqrt(scores.reduce((sum, x) => sum + (x - mean) ** 2, 0) / scores.length) || 1;
      for (const item of items) if (item.label === label) item.z = (item.score - mean) / spread;
    }
    const counts = new Map(), chosen = [];
    const excess = (word) => Math.max(0, Math.log(((counts.get(word) ?? 0) + 1)
      / (1 + (this.wordShares.get(hashOf(word)) ?? 0) * (chosen.length + 1))));
    const valueOf = ({ z, alike, nChosen, words }) => z - 1e9 * nChosen - penalty
      * (COPY_COST * alike + WORD_COST * words.reduce((sum, w) => sum + excess(w), 0));
    for (const { label } of wanted) {
      const pool = items.filter((item) => item.label === label), values = pool.map(valueOf);
      const best = pool[values.indexOf(values.reduce((a, b) => Math.max(a, b)))];
      chosen.push(best);
      for (const item of items) {
        if (penalty) item.alike = Math.max(item.alike, likeness(item, best));
        item.nChosen += item.name === best.name;
      }
      if (penalty) best.words.forEach((word) => counts.set(word, (counts.get(word) ?? 0) + 1));
    }
    return chosen;
  }

  // Return the model for a label or a blend, and functions that draw the label of a name and score it.
  chooseModel(prefix, label, random, model = this.model) {
    if (label !== null && typeof label === "object") {
      const weights = Object.values(label), total = weights.reduce((sum, weight) => sum + weight, 0);
      if (!weights.every((w) => w > 0)) throw new Error("Weights must be > 0.");
      const labels = Object.keys(label).map((name) => this.labelIndex(name));
      return [new Mixture(model, labels, weights.map((w) => w / total)), () => -1, () => 0];
    }
    const index = this.labelIndex(label);
    const logProba = index < 0 && this.labels.length && this.jointLogProba(prefix);
    const total = logProba && logSumExp(logProba);
    return [model, () => (logProba ? draw(logProba, 1, random) : index), (k) => (logProba ? logProba[k] - total : 0)];
  }

  // Generate unconstrained names and drop names that become too long. Return no names if time runs out.
  // The score is the mean log-probability per character at temperature 1, with that of a label drawn.
  generate(prefix, size, { temperature, minP, maxLength }, [model, drawLabel, scoreLabel], random, isTimeUp) {
    const textOf = (row) => row.map((index) => this.characters[index]).join("");
    const isWithinLimit = (row) => row.length <= maxLength
      || (row.length <= 16 * maxLength && this.clustersOf(textOf(row)).length <= maxLength);
    let labels = Array.from({ length: size }, drawLabel), rows = labels.map(() => prefix), found = [];
    let totals = labels.map(scoreLabel), numbers = [...labels.keys()];
    let [state, logits] = model.start(rows.map((row) => this.windowOf(row)), labels);
    while (rows.length && !isTimeUp()) {
      const characters = logits.map((row) => draw(row, temperature, random, minP));
      const isEnd = characters.map((c) => this.characters[c] === END);
      totals = totals.map((total, i) => total + logits[i][characters[i]] - logSumExp(logits[i]));
      const scores = totals.map((total, i) => total / (rows[i].length - prefix.length + 1));
      numbers.forEach((k, i) => {
        if (isEnd[i]) found[k] = { name: textOf(rows[i]), score: scores[i], label: labels[i] };
      });
      const extended = rows.map((row, i) => [...row, characters[i]]);
      const unfinished = [...rows.keys()].filter((i) => !isEnd[i] && isWithinLimit(extended[i]));
      [rows, labels, totals, numbers] =
        [extended, labels, totals, numbers].map((items) => unfinished.map((i) => items[i]));
      const windows = rows.map((row) => this.windowOf(row));
      if (rows.length) [state, logits] = model.advance(model.select(state, unfinished), windows, labels);
    }
    return rows.length ? [] : found.filter(Boolean); // in the order of rows, not of endings
  }
}

// Return a generator from a saved model, parsed from JSON.
export const load = (saved) => new Generator(decodeArrays(saved));
