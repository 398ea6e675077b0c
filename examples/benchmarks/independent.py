"""Scores beside plain Python that does what the manual's formulas say, one character at a time.

The networks' weights are those that were trained; counts and shapes are counted here once more,
from the windows. Printed: how far log-probabilities of characters are from each other at most.
"""

import unicodedata
from collections import Counter, defaultdict
from itertools import product

import numpy as np
from _common import parse_arguments, print_machine

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer, load_names

PAD, START, END = "\0", "\2", "\3"
TOLERANCE = 1e-6  # networks compute in float32


def kind(character):
    """The general category, and of letters that have capitals the script."""
    if character in (START, END):
        return character
    category = unicodedata.category(character)
    if category[0] == "M":
        return "M"
    name = unicodedata.name(character, character)
    return category + " " + name.split(" ")[0] if category in ("Lu", "Ll") else category


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def targets(X, labels):
    """Each context, without padding, the character behind it, and the label."""
    for name, label in zip(X, labels, strict=True):
        for window in name:
            *context, target = map(chr, window)
            if target != PAD:
                yield "".join(context).lstrip(PAD), target, label


class Network:
    """An LSTM as its equations say (Hochreiter and Schmidhuber, 1997)."""

    def __init__(self, weights, alphabet):
        self.weights = {name: each.astype(np.float64) for name, each in weights.items()}
        self.index = {letter: i for i, letter in enumerate([*alphabet, START])}
        self.n_layers = sum(name.endswith("weight_hh_l0") for name in weights)

    def vector(self, index):
        if "embedding.weight" in self.weights:
            return self.weights["embedding.weight"][index]
        return np.eye(self.weights["layers.0.weight_ih_l0"].shape[1])[index]

    def logits(self, context, label):
        states = [(0.0, 0.0)] * self.n_layers
        for character in context:
            x = self.vector(self.index[character])
            if label is not None:  # behind the characters, the start and the unknown character
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
    """Interpolated modified Kneser-Ney smoothing, see the notes of `KneserNey`."""

    def __init__(self, seen, alphabet, order, discount, of_labels=False):
        self.alphabet, self.order, self.of_labels = alphabet, order, of_labels
        occurred = [Counter() for _ in range(order + of_labels)]
        for (context, target, label), times in Counter(seen).items():
            for length, h in enumerate(self.contexts(context, label)):
                occurred[length][h, target] += times
        behind = [Counter((h[:-1], w) for h, w in longer) for longer in occurred[1:]] + [Counter()]
        self.p_seen, self.backoff = {}, {}
        for length in range(1, len(occurred)):
            counts = {ngram: behind[length][ngram] or n for ngram, n in occurred[length].items()}
            taken = self.taken(counts, discount)
            total, left = Counter(), Counter()
            for (h, w), n in counts.items():
                total[h] += n
                left[h] += taken[h, w]
            self.backoff |= {h: left[h] / total[h] for h in total}
            self.p_seen |= {(h, w): (n - taken[h, w]) / total[h] for (h, w), n in counts.items()}
        unigrams = Counter()
        for (h, w), n in occurred[0].items():
            unigrams[w] += behind[0][h, w] or n
        taken, total = self.taken(unigrams, discount), sum(unigrams.values())
        rest = sum(taken.values()) / len(alphabet)
        self.p_unigram = {w: (unigrams[w] - taken.get(w, 0) + rest) / total for w in alphabet}
        self.p_kind = Counter()
        for w in alphabet:
            self.p_kind[kind(w)] += self.p_unigram[w]
        self.kinds = defaultdict(Counter)
        for (h, w), n in occurred[0].items():
            self.kinds[h][kind(w)] += n

    def contexts(self, context, label):
        """Ever longer ones: the kind of the last character, the label, the characters."""
        last = kind(context[-1]) if context and self.order > 1 else None
        columns = ([label] if self.of_labels else []) + list(context[::-1][: self.order - 1])
        return [(last, *columns[:length]) for length in range(len(columns) + 1)]

    @staticmethod
    def taken(counts, discount):
        """What is taken from each count (Chen and Goodman, 1999)."""
        n1, n2, n3, n4 = (sum(n == i for n in counts.values()) for i in (1, 2, 3, 4))
        discounts = [discount or 0.85] * 3
        if not discount and n1 and n2 and n3 and n4:
            y = n1 / (n1 + 2 * n2)
            d = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
            discounts = d if 0 < d[0] <= d[1] <= d[2] else discounts
        return {ngram: min(discounts[min(n, 3) - 1], n) for ngram, n in counts.items()}

    def proba(self, context, label):
        first, *longer = self.contexts(context, label)
        followed = self.kinds[first]
        total = sum(followed.values()) + 0.5
        p = np.array(
            [
                (followed[kind(w)] + 0.5 * self.p_kind[kind(w)])
                / total
                * self.p_unigram[w]
                / self.p_kind[kind(w)]
                for w in self.alphabet
            ]
        )
        for h in longer:
            if h not in self.backoff:
                break
            p = np.array([self.p_seen.get((h, w), 0) for w in self.alphabet]) + self.backoff[h] * p
        return p


class Shapes:
    """Which kind follows which runs of kinds, see the notes of `Shapes` in the package."""

    def __init__(self, seen, alphabet, n_labels):
        self.of_characters = list(map(kind, alphabet))
        self.kinds = list(dict.fromkeys(self.of_characters))
        followed, of_label = defaultdict(Counter), defaultdict(Counter)
        shorter = {}
        for context, target, label in seen:
            chain = self.chain(*self.read(context))
            for below, longer in zip([None, *chain], chain, strict=False):
                if longer != below:
                    followed[longer][kind(target)] += 1
                    of_label[label, longer][kind(target)] += 1
                    shorter.setdefault(longer, below)
        usual = {
            k: followed[()][k] + 0.5 * self.of_characters.count(k) / len(alphabet)
            for k in self.kinds
        }
        n = {(): sum(usual.values())}
        p = {(): {k: usual[k] / n[()] for k in self.kinds}}
        follows = {(): dict.fromkeys(self.kinds, True)}
        for runs in sorted(shorter, key=lambda runs: (is_measured(runs), len(runs))):
            if runs == ():
                continue
            n[runs], below = sum(followed[runs].values()), shorter[runs]
            p[runs], follows[runs] = p[below], follows[below]
            if n[runs] < n[below]:
                p[runs] = smoothed(followed[runs], p[below])
                follows[runs] = {k: followed[runs][k] > 0 for k in self.kinds}
        self.offsets = {}
        for label, runs in product(range(max(n_labels, 1)), p):
            own, may = p[runs], follows[runs]
            if n_labels > 1:
                counts = of_label[label, runs]
                own = smoothed(counts, own)
                may = {k: counts[k] > 0 for k in self.kinds} if sum(counts.values()) else may
            self.offsets[label, runs] = np.log(
                [
                    np.clip((3 if may[k] else 1) * own[k] / p[()][k], np.exp(-8), 1)
                    for k in self.of_characters
                ]
            )
        self.known = set(p)

    @staticmethod
    def more(runs, length, character):
        """The last three runs and the length of the last one, one character on."""
        this = kind(character)
        if this == "M" or (runs and runs[-1] == this):
            return runs, min(length + (this != "M" and length > 0), 4)
        return (*runs, this)[-3:], 1

    def read(self, context):
        runs, length = (), 0
        for character in context:
            runs, length = self.more(runs, length, character)
        return runs, length

    @staticmethod
    def chain(runs, length):
        """Ever longer contexts; the longest one knows the length of the last run."""
        of_runs = [runs[len(runs) - n :] if n <= len(runs) else runs for n in range(4)]
        return [*of_runs, (*runs, length)] if length else of_runs

    def offset(self, context, label):
        """To be added to the logits behind a context."""
        state = ()
        for character in context:
            runs, length = (state[:-1], state[-1]) if is_measured(state) else (state, 0)
            runs, length = self.more(runs, length, character)
            state = max((r for r in self.chain(runs, 0) if r in self.known), key=len)
            for least in range(length, 0, -1):
                if (*runs, least) in self.known:
                    state = (*runs, least)
                    break
        return self.offsets[label or 0, state]


def is_measured(runs):
    return bool(runs) and isinstance(runs[-1], int)


def smoothed(counts, below):
    total = sum(counts.values()) + 0.5
    return {k: (counts[k] + 0.5 * share) / total for k, share in below.items()}


def log_softmax(logits):
    return logits - np.logaddexp.reduce(logits)


def difference(generator, X, y, others, of_others):
    """Score other windows in both ways; return how far a character is off at most."""
    alphabet = generator.alphabet_.tolist()
    seen = list(targets(X, [None] * len(X) if y is None else y))
    n_labels = 0 if y is None else 2
    shapes = Shapes(seen, alphabet, n_labels)
    if isinstance(generator, CharLSTMGenerator):
        networks = [
            Network(each, alphabet) for each in generator.__getstate__()["_networks"].values()
        ]

        def log_proba(context, label):
            return np.mean([each.logits(context, label) for each in networks], axis=0)
    else:
        how = min(generator.order, X.shape[2]), generator.discount
        counts = Counts([(c, t, None) for c, t, _ in seen], alphabet, *how)
        own = Counts(seen, alphabet, *how, of_labels=True) if n_labels else None

        def log_proba(context, label):
            p = counts.proba(context, None)
            return np.log(p if own is None else 0.7 * own.proba(context, label) + 0.3 * p)

    scores = generator.score_samples(others, None if y is None else of_others)
    worst = 0.0
    for i, score in enumerate(scores.tolist()):
        own_score, n = 0.0, 0
        label = None if y is None else int(of_others[i])
        for context, target, _ in targets(others[i : i + 1], [label]):
            if target in alphabet:
                logits = log_proba(context, label) + shapes.offset(context, label)
                own_score += log_softmax(logits)[alphabet.index(target)]
                n += 1
        worst = max(worst, abs(own_score - score) / n)
    return worst


def configurations(quick):
    """Generators, windows, whether there are labels, and whether it is running text."""
    some = slice(1) if quick else slice(None)
    for window, has_labels, is_text in product([10, 3, 1], [True, False], [False, True]):
        if is_text and has_labels:
            continue
        for units, layers, vector, networks in product(
            [8, 21][some], [2, 1][some], [None, 5][some], [2, 1][some]
        ):
            sizes = {"hidden_size": units, "num_layers": layers, "embedding_dim": vector}
            how = {"num_networks": networks, "max_epochs": 1, "init": None, "random_state": 0}
            yield CharLSTMGenerator(**sizes, **how), window, has_labels, is_text
        for order, discount in product([5, 1, 2, 3, 8][some], [None, 0.5][some]):
            yield CharNGramGenerator(order=order, discount=discount), window, has_labels, is_text


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine()
    names = [*load_names("female")[::12], "Mc Coy", "O'Neil", "Anne-Marie", "Zoé", "van Dyk"]
    names, others = names[:: 4 if arguments.quick else 1], names[1::40]
    known = set("".join(names))
    others = [name for name in others if known.issuperset(name)]
    worst, n_alike, n_all = Counter(), Counter(), Counter()
    for generator, window, has_labels, is_text in configurations(arguments.quick):
        vectorizer = CharSequenceVectorizer(window_length=window, boundary=not is_text)
        texts, held = ([" ".join(names)], [" ".join(others)]) if is_text else (names, others)
        X, other_X = vectorizer.fit_transform(texts), vectorizer.transform(held)
        y = np.arange(len(X)) % 2 if has_labels else None
        generator.fit(X, y)
        off = difference(generator, X, y, other_X, np.arange(len(other_X)) // 2 % 2)
        kind_of = type(generator)
        worst[kind_of] = max(worst[kind_of], off)
        n_alike[kind_of] += off <= TOLERANCE
        n_all[kind_of] += 1
    for each, n in n_all.items():
        print(f"{each.__name__}: {n_alike[each]} of {n} alike, at most {worst[each]:.1e} nats off")


if __name__ == "__main__":
    main()
