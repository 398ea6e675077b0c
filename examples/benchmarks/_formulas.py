"""The formulas of the package in plain Python, one character at a time, to compare it with.

`Network` is the LSTM, `Counts` are the n-grams and `Penalty` is the penalty by kinds of characters.
"""

import unicodedata
from collections import Counter, defaultdict

import numpy as np

PAD, START, END = "\0", "\2", "\3"


def kinds_in(alphabet):
    """A function that returns the kind of a character, given those that a model knows."""

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
    """Whether a letter of such a name is a vowel that stands by itself in an Indic script."""
    words = [word for word in name.split() if word not in ("CANDRA", "SHORT")]
    vowels = len(words) == 1 and len(words[0]) <= 2 and not words[0].strip("AEIOU")
    return vowels or words[:1] == ["VOCALIC"]


def log_softmax(logits):
    return logits - np.logaddexp.reduce(logits)


def targets(windows, labels=None):
    """Each context without padding, the character after it and the label of the name."""
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

    Weights have the names that a saved generator gives them. The vectors of the start of a name, of
    an unknown character and of the labels follow those of the characters.
    """

    def __init__(self, weights, alphabet):
        self.weights = {name: array.astype(np.float64) for name, array in weights.items()}
        self.index = {character: i for i, character in enumerate([*alphabet, START])}
        self.num_layers = sum(name.endswith("weight_hh_l0") for name in weights)

    def vector(self, index):
        if "embedding.weight" in self.weights:
            return self.weights["embedding.weight"][index]
        return np.eye(self.weights["layers.0.weight_ih_l0"].shape[1])[index]

    def logits(self, context, label=None):
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

    `seen` are triples of a context, the symbol after it and a label. `kind_of` sorts the symbols
    into kinds, None: as characters: after the last symbol the counts back off to its kind, and then
    to all symbols. With `uses_labels` the label is the symbol nearest to the target.
    """

    def __init__(self, seen, symbols, order, discount=None, kind_of=None, uses_labels=False):
        self.symbols, self.order, self.uses_labels = list(symbols), order, uses_labels
        self.kind_of = kind_of = kind_of or kinds_in(self.symbols)
        occurred = [Counter() for _ in range(order + uses_labels)]
        for context, symbol, label in seen:
            for length, h in enumerate(self.contexts(context, label)):
                occurred[length][h, symbol] += 1
        # In how many contexts an n-gram occurs that are longer by a symbol.
        longer = [Counter((h[:-1], w) for h, w in ngrams) for ngrams in occurred[1:]] + [Counter()]
        self.p_seen, self.backoff = {}, {}
        for length in range(1, len(occurred)):
            counts = {ngram: longer[length][ngram] or n for ngram, n in occurred[length].items()}
            taken = discounted(counts, discount)
            total, left = Counter(), Counter()
            for (h, w), n in counts.items():
                total[h] += n
                left[h] += taken[h, w]
            self.backoff |= {h: left[h] / total[h] for h in total}
            self.p_seen |= {(h, w): (n - taken[h, w]) / total[h] for (h, w), n in counts.items()}
        unigrams = Counter()
        for (h, w), n in occurred[0].items():
            unigrams[w] += longer[0][h, w] or n
        taken, total = discounted(unigrams, discount), sum(unigrams.values())
        rest = sum(taken.values()) / len(self.symbols)
        self.p_unigram = {w: (unigrams[w] - taken.get(w, 0) + rest) / total for w in self.symbols}
        self.p_kind, self.after_kind = Counter(), defaultdict(Counter)
        for w, p in self.p_unigram.items():
            self.p_kind[kind_of(w)] += p
        for (h, w), n in occurred[0].items():
            self.after_kind[h][kind_of(w)] += n
        self.followed = {*occurred[0], *self.p_seen}

    def contexts(self, context, label):
        """Ever longer contexts: the kind of the last symbol, the label, the symbols."""
        last = self.kind_of(context[-1]) if len(context) and self.order > 1 else None
        columns = ([label] if self.uses_labels else []) + list(context[::-1][: self.order - 1])
        return [(last, *columns[:length]) for length in range(len(columns) + 1)]

    def has_followed(self, context, symbol, label=None):
        """Whether a symbol was seen after the longest known context."""
        shortest, *longer = self.contexts(context, label)
        known = [shortest, *(h for h in longer if h in self.backoff)]
        return (known[-1], symbol) in self.followed

    def proba(self, context, label=None):
        """The distribution over the symbols."""
        shortest, *longer = self.contexts(context, label)
        followed = self.after_kind.get(shortest, Counter())
        proba = {}
        for w, p in self.p_unigram.items():
            share = self.p_kind[self.kind_of(w)]
            p_of_kind = (followed[self.kind_of(w)] + 0.5 * share) / (followed.total() + 0.5)
            proba[w] = p_of_kind * p / share
        for h in longer:
            if h not in self.backoff:
                break
            proba = {w: self.p_seen.get((h, w), 0) + self.backoff[h] * p for w, p in proba.items()}
        return proba


def discounted(counts, discount):
    """What each count loses."""
    n1, n2, n3, n4 = (sum(n == i for n in counts.values()) for i in (1, 2, 3, 4))
    discounts = [discount or 0.85] * 3
    if not discount and n1 and n2 and n3 and n4:
        y = n1 / (n1 + 2 * n2)
        estimated = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        if 0 < estimated[0] <= estimated[1] <= estimated[2]:
            discounts = estimated
    return {ngram: min(discounts[min(n, 3) - 1], n) for ngram, n in counts.items()}


class Penalty:
    """How much rarer each kind of character is after the preceding kinds than it is overall.

    With labels, also how much rarer characters are that no name of the label holds (Good, 1953).
    """

    def __init__(self, seen, alphabet, window_length, uses_labels=False):
        self.alphabet, self.kind = list(alphabet), kinds_in(list(alphabet))
        kinds = list(map(self.kind, self.alphabet))
        every_kind = {*kinds, "start", "unknown", "none"}
        self.letters = defaultdict(Counter)
        for _, w, label in seen if uses_labels else ():
            self.letters[label][w] += 1
        seen = [(self.kinds(h), self.kind(w), label) for h, w, label in seen]
        order = min(8, window_length + 1)
        options = {"kind_of": lambda kind: None, "uses_labels": uses_labels}
        self.counts = Counts(seen, sorted(every_kind), order, 0.3, **options)
        overall = Counter(w for _, w, _ in seen)
        for k in kinds:
            overall[k] += 1 / len(kinds)
        self.p_overall = {k: n / overall.total() for k, n in overall.items()}

    def longer(self, kinds, kind):
        """A context with one more kind: of each run of the same kind the first three.

        The last kind without case that is the third last or farther back is "far", and nothing is
        before it.
        """
        kinds = kinds if kinds[-3:] == (kind,) * 3 else (*kinds, kind)
        for n in range(3, len(kinds) + 1):
            if kinds[-n].startswith(("Lm", "Lo", "M")):
                return ("far", *kinds[1 - n :])
        return kinds

    def kinds(self, context):
        """The context that characters are."""
        kinds = ()
        for kind in map(self.kind, context):
            kinds = self.longer(kinds, kind)
        return kinds

    def known_kinds(self, context, label):
        """The same, where each time no more is kept than was seen with the label."""
        kinds = ()
        for kind in map(self.kind, context):
            kinds = self.longer(kinds, kind)[1 - self.counts.order :]
            while kinds and self.counts.contexts(kinds, label)[-1] not in self.counts.backoff:
                kinds = kinds[1:]
        return kinds

    def after(self, context, label=None):
        """What is added to the logit of each character of the alphabet."""
        kinds = self.known_kinds(context, label)
        proba = self.counts.proba(kinds, label)
        for k in proba:  # what did follow is left to the model if it is up to three times rarer
            proba[k] *= 3 if self.counts.has_followed(kinds, k, label) else 1
        ratio = [proba[k] / self.p_overall[k] for k in map(self.kind, self.alphabet)]
        return np.log(ratio).clip(-8, 0) + self.of_label(label)

    def of_label(self, label):
        """What is added for the label to the logit of each character of the alphabet."""
        if not self.letters:
            return 0
        own, of_all = self.letters[label], sum(self.letters.values(), Counter())
        unseen = [w for w in self.alphabet if not own[w]]
        n_once = sum(n == 1 for n in own.values())
        p_unseen = sum(of_all[w] for w in unseen) / of_all.total()
        penalty = 0
        if unseen:
            penalty = np.log((n_once + 0.5) / (own.total() + 1) / max(p_unseen, 1e-300))
        return np.where([w in unseen for w in self.alphabet], np.clip(penalty, -8, 0), 0)


def ngram_logits(seen, alphabet, order, discount=None, uses_labels=False):
    """A function of a context and a label: the logits of a `CharNGramGenerator` before the penalty.

    With labels, 0.7 of the probability come from the counts of the label.
    """
    of_all = Counts(seen, alphabet, order, discount)
    of_label = Counts(seen, alphabet, order, discount, uses_labels=True) if uses_labels else of_all

    def logits(context, label=None):
        p, q = (np.array([*counts.proba(context, label).values()]) for counts in (of_label, of_all))
        return np.log(0.7 * p + 0.3 * q)

    return logits


def log_likelihood(windows, generator, logits, labels=None):
    """The log-likelihood of each name, where a function of a context and a label gives logits."""
    alphabet, unknown = generator.alphabet_.tolist(), -np.log(generator.n_characters_seen_ + 1)
    total = np.zeros(len(windows))
    for i in range(len(windows)):
        label = [None] if labels is None else labels[i : i + 1]
        for context, target, of_name in targets(windows[i : i + 1], label):
            if target in alphabet:
                total[i] += log_softmax(logits(context, of_name))[alphabet.index(target)]
            else:
                total[i] += unknown
    return total
