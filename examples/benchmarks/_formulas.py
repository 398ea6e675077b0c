"""Reference implementation of the package's formulas in plain Python, one character at a time.

`Network` is the LSTM, `Counts` the n-gram model and `Penalty` the penalty on character kinds.
`interpolated_logits` adds n-gram counts to an LSTM.
`odd_shapes` finds names that look wrong.
"""

import unicodedata
from collections import Counter, defaultdict

import numpy as np

PAD, START, END = "\0", "\2", "\3"


def kind_function(alphabet):
    """Return a function that maps characters to kinds, for a model with this alphabet."""

    def kind(character):
        if character in (START, END):
            return {START: "start", END: "end"}[character]
        if character not in alphabet:
            return "unknown"
        category = unicodedata.category(character)
        first, _, last = unicodedata.name(character, "").partition(" LETTER ")
        if category in ("Lu", "Ll"):
            return f"{category} {unicodedata.name(character, character).split()[0]}"
        if category[0] == "M":
            roles = [role for role in ("VOWEL SIGN", "NUKTA", "VIRAMA") if role in first]
            return " ".join(["M", *roles])
        if category == "Lo" and first.split()[-1:] in (["HIRAGANA"], ["KATAKANA"]):
            consonant = last.split()[-1].rstrip("AEIOU")
            if "SMALL" in last or last == "N":
                return f"Lo SMALL {consonant}" if "SMALL" in last else "Lo N"
            return "Lo I" if consonant and last[-1] == "I" else "Lo"
        if category == "Lo" and (
            last.startswith("FINAL ") or last in ("TEH MARBUTA", "ALEF MAKSURA")
        ):
            return "Lo final"
        if category == "Lo" and last in ("HAMZA", "YEH WITH HAMZA ABOVE", "WAW WITH HAMZA ABOVE"):
            return "Lo hamza"
        if category == "Lo" and is_vowel(last):
            return "Lo vowel"
        return category

    return kind


def is_vowel(name):
    """Return whether the Unicode name of a letter is that of an independent Indic vowel."""
    words = [word for word in name.split() if word not in ("CANDRA", "SHORT")]
    vowels = len(words) == 1 and len(words[0]) <= 2 and not words[0].strip("AEIOU")
    return vowels or words[:1] == ["VOCALIC"]


def shape(name):
    """Return the category of each run in a name. Marks belong to the run before them."""
    runs = []
    for category in map(unicodedata.category, name):
        category = "M" if category[0] == "M" else category
        if not runs or category not in ("M", runs[-1]):
            runs.append(category)
    return " ".join(runs)


def odd_shapes(names, training_names):
    """Return the names whose shape no training name has, with repetitions.

    The shape of "McLeod" is uppercase, lowercase, uppercase, lowercase.
    """
    shapes = set(map(shape, training_names))
    return [name for name in names if shape(name) not in shapes]


def log_softmax(logits):
    return logits - np.logaddexp.reduce(logits)


def targets(windows, labels=None):
    """Yield each context without padding, the next character and the label of the name."""
    labels = [None] * len(windows) if labels is None else labels
    for name, label in zip(windows, labels, strict=True):
        for window in name:
            *context, target = map(chr, window)
            if target != PAD:
                yield "".join(context).lstrip(PAD), target, label


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Network:
    """The equations of an LSTM (Hochreiter and Schmidhuber, 1997).

    Weights have the same names as in a saved generator. The character embeddings are followed by
    the embeddings of the start symbol, the unknown character and the labels.
    """

    def __init__(self, weights, alphabet):
        arrays = {name: array for name, array in weights.items() if name != "type"}
        self.weights = {name: array.astype(np.float64) for name, array in arrays.items()}
        self.index = {character: i for i, character in enumerate([*alphabet, START])}
        self.num_layers = sum(name.endswith("weight_hh_l0") for name in weights)

    def vector(self, index):
        """Return an embedding, or a one-hot vector if there are no embeddings."""
        if "embedding.weight" in self.weights:
            return self.weights["embedding.weight"][index]
        return np.eye(self.weights["layers.0.weight_ih_l0"].shape[1])[index]

    def logits(self, context, label=None):
        """Return the logit of each character after a context."""
        states = [(0.0, 0.0)] * self.num_layers
        for character in context:
            x = self.vector(self.index.get(character, len(self.index)))
            if label is not None:
                x = x + self.vector(len(self.index) + 1 + label)
            for layer, (h, c) in enumerate(states):
                w_ih, w_hh, b_ih, b_hh = (
                    self.weights[f"layers.{layer}.{name}_l0"]
                    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                )
                h = np.zeros(w_hh.shape[1]) + h
                i, f, g, o = np.split(w_ih @ x + b_ih + w_hh @ h + b_hh, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                x = sigmoid(o) * np.tanh(c)
                states[layer] = x, c
        return self.weights["head.weight"] @ x + self.weights["head.bias"]


class Counts:
    """Interpolated modified Kneser-Ney smoothing (Chen and Goodman, 1999).

    `seen` contains triples of a context, the next symbol and a label. `kind_of` returns the kind of
    a symbol (None: character kinds). After dropping all symbols of a context (and then its label,
    with `uses_labels`), the model backs off to the kind of the last symbol, then to unigrams.
    """

    def __init__(self, seen, symbols, order, discount=None, kind_of=None, uses_labels=False):
        self.symbols, self.order, self.uses_labels = list(symbols), order, uses_labels
        self.kind_of = kind_of = kind_of or kind_function(self.symbols)
        occurred = [Counter() for _ in range(order + uses_labels)]
        for context, symbol, label in seen:
            for length, h in enumerate(self.contexts(context, label)):
                occurred[length][h, symbol] += 1
        # Continuation counts: the number of longer contexts in which an n-gram occurs.
        continuations = [Counter((h[:-1], w) for h, w in ngrams) for ngrams in occurred[1:]] + [
            Counter()
        ]
        self.p_seen, self.backoff, self.p_unigram, self.n = {}, {}, {}, {}
        for length in range(1, len(occurred)):
            counts = {
                ngram: continuations[length][ngram] or n for ngram, n in occurred[length].items()
            }
            discounts = count_discounts(counts, discount)
            total, reserved = Counter(), Counter()
            for (h, w), n in counts.items():
                total[h] += n
                reserved[h] += discounts[h, w]
            self.n |= total
            self.backoff |= {h: reserved[h] / total[h] for h in total}
            for (h, w), n in counts.items():
                self.p_seen[h, w] = (n - discounts[h, w]) / total[h]
        unigrams = Counter()
        for (h, w), n in occurred[0].items():
            unigrams[w] += continuations[0][h, w] or n
        discounts, total = count_discounts(unigrams, discount), sum(unigrams.values())
        uniform = sum(discounts.values()) / len(self.symbols)
        for w in self.symbols:
            self.p_unigram[w] = (unigrams[w] - discounts.get(w, 0) + uniform) / total
        self.p_kind, self.kind_counts = Counter(), defaultdict(Counter)
        for w, p in self.p_unigram.items():
            self.p_kind[kind_of(w)] += p
        for (h, w), n in occurred[0].items():
            self.kind_counts[h][kind_of(w)] += n
        self.ngrams = {*occurred[0], *self.p_seen}

    def contexts(self, context, label):
        """Return contexts of increasing length: kind of the last symbol, label, symbols."""
        last = self.kind_of(context[-1]) if len(context) and self.order > 1 else None
        columns = ([label] if self.uses_labels else []) + list(context[::-1][: self.order - 1])
        return [(last, *columns[:length]) for length in range(len(columns) + 1)]

    def was_seen(self, context, symbol, label=None):
        """Return whether the symbol was seen after the longest seen context."""
        shortest, *longer = self.contexts(context, label)
        seen = [shortest, *(h for h in longer if h in self.backoff)]
        return (seen[-1], symbol) in self.ngrams

    def proba(self, context, label=None):
        """Return the probability of each symbol as a dict."""
        shortest, *longer = self.contexts(context, label)
        kind_counts = self.kind_counts.get(shortest, Counter())
        proba = {}
        for w, p in self.p_unigram.items():
            p_kind, n_kind = self.p_kind[self.kind_of(w)], kind_counts[self.kind_of(w)]
            p_kind_after = (n_kind + 0.5 * p_kind) / (kind_counts.total() + 0.5)
            proba[w] = p_kind_after * p / p_kind
        for h in longer:
            if h not in self.backoff:
                break
            proba = {w: self.p_seen.get((h, w), 0) + self.backoff[h] * p for w, p in proba.items()}
        return proba

    def interpolate(self, proba, context, label=None):
        """Return the probability of each symbol, given that after contexts of one symbol.

        The shorter context has a larger weight than in the n-gram model, as if more symbols had
        been seen. Their number falls with the cube of the context's length.
        """
        for k, h in enumerate(self.contexts(context, label)[2 + self.uses_labels :], 2):
            if h not in self.backoff:
                break
            n, more = self.n[h], 16 / (k - 1) ** 3
            backoff = (n * self.backoff[h] + more) / (n + more)
            seen = {w: n / (n + more) * self.p_seen.get((h, w), 0) for w in proba}
            proba = {w: seen[w] + backoff * p for w, p in proba.items()}
        return proba


def count_discounts(counts, discount):
    """Return the discount for each count."""
    n1, n2, n3, n4 = (sum(n == i for n in counts.values()) for i in (1, 2, 3, 4))
    discounts = [discount or 0.85] * 3
    if not discount and n1 and n2 and n3 and n4:
        y = n1 / (n1 + 2 * n2)
        estimated = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        if 0 < estimated[0] <= estimated[1] <= estimated[2]:
            discounts = estimated
    return {ngram: min(discounts[min(n, 3) - 1], n) for ngram, n in counts.items()}


class Penalty:
    """Penalty on kinds of characters that are rarer after the preceding kinds than overall.

    With labels, characters that occur in no name with the label are also penalised (Good, 1953).
    """

    def __init__(self, seen, alphabet, window_length, uses_labels=False):
        self.alphabet, self.kind = list(alphabet), kind_function(list(alphabet))
        kinds = list(map(self.kind, self.alphabet))
        symbols = {*kinds, "start", "unknown", "none"}
        self.letters = defaultdict(Counter)
        for _, w, label in seen if uses_labels else ():
            self.letters[label][w] += 1
        seen = [(self.kinds(h), self.kind(w), label) for h, w, label in seen]
        order = min(8, window_length + 1)
        options = {"kind_of": lambda kind: None, "uses_labels": uses_labels}
        self.counts = Counts(seen, sorted(symbols), order, 0.3, **options)
        overall = Counter(w for _, w, _ in seen)
        for k in kinds:
            overall[k] += 1 / len(kinds)
        self.p_overall = {k: n / overall.total() for k, n in overall.items()}

    def extended(self, kinds, kind):
        """Return the context extended by a kind, with runs of the same kind cut to three.

        The last caseless kind before the final two kinds becomes "far" and starts the context.
        """
        kinds = kinds if kinds[-3:] == (kind,) * 3 else (*kinds, kind)
        for n in range(3, len(kinds) + 1):
            if kinds[-n].startswith(("Lm", "Lo", "M")):
                return ("far", *kinds[1 - n :])
        return kinds

    def kinds(self, context):
        """Return the context of kinds for a context of characters."""
        kinds = ()
        for kind in map(self.kind, context):
            kinds = self.extended(kinds, kind)
        return kinds

    def seen_kinds(self, context, label):
        """Return the context of kinds, cut at each step to a context seen with the label."""
        kinds = ()
        for kind in map(self.kind, context):
            kinds = self.extended(kinds, kind)[1 - self.counts.order :]
            while kinds and self.counts.contexts(kinds, label)[-1] not in self.counts.backoff:
                kinds = kinds[1:]
        return kinds

    def after(self, context, label=None):
        """Return the penalty on each character, to be added to its logit."""
        kinds = self.seen_kinds(context, label)
        proba = self.counts.proba(kinds, label)
        for k in proba:  # no penalty on seen kinds that are up to three times rarer
            proba[k] *= 3 if self.counts.was_seen(kinds, k, label) else 1
        ratio = [proba[k] / self.p_overall[k] for k in map(self.kind, self.alphabet)]
        return np.log(ratio).clip(-8, 0) + self.label_penalty(label)

    def label_penalty(self, label):
        """Return the penalty on each character due to the label."""
        if not self.letters:
            return 0
        counts, total = self.letters[label], sum(self.letters.values(), Counter())
        unseen = [w for w in self.alphabet if not counts[w]]
        n_once = sum(n == 1 for n in counts.values())
        p_unseen = sum(total[w] for w in unseen) / total.total()
        penalty = 0
        if unseen:
            penalty = np.log((n_once + 0.5) / (counts.total() + 1) / max(p_unseen, 1e-300))
        return np.where([w in unseen for w in self.alphabet], np.clip(penalty, -8, 0), 0)


def ngram_logits(seen, alphabet, order, uses_labels=False):
    """Return a function that computes the logits of a `CharNGramGenerator` without penalty.

    The function takes a context and a label. With labels, the label's counts have a weight of 0.7,
    and the counts of all labels together have 0.3.
    """
    shared = Counts(seen, alphabet, order)
    by_label = Counts(seen, alphabet, order, uses_labels=True) if uses_labels else shared

    def logits(context, label=None):
        p, q = (np.array([*counts.proba(context, label).values()]) for counts in (by_label, shared))
        return np.log(0.7 * p + 0.3 * q)

    return logits


def interpolated_logits(logits, seen, alphabet, order, uses_labels=False):
    """Return a function that adds n-gram counts to the logits of a `CharLSTMGenerator`.

    `logits` are without penalty. With labels, the counts are those of the label.
    """
    counts = Counts(seen, alphabet, order, uses_labels=uses_labels)

    def interpolated(context, label=None):
        proba = dict(zip(alphabet, np.exp(log_softmax(logits(context, label))), strict=True))
        return np.log([*counts.interpolate(proba, context, label).values()])

    return interpolated


def log_likelihood(windows, generator, logits, labels=None):
    """Return each name's log-likelihood, with logits from a function of context and label."""
    alphabet, unknown = generator.alphabet_.tolist(), -np.log(generator.n_characters_seen_ + 1)
    total = np.zeros(len(windows))
    for i in range(len(windows)):
        name_labels = [None] if labels is None else labels[i : i + 1]
        for context, target, label in targets(windows[i : i + 1], name_labels):
            if target in alphabet:
                total[i] += log_softmax(logits(context, label))[alphabet.index(target)]
            else:
                total[i] += unknown
    return total
