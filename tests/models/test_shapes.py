"""What shapes names have, and what that does to a model."""

import pickle

import numpy as np
import pytest
from conftest import ngram_pipeline, small_generator, small_pipeline

from sknamegen import CharNGramGenerator, CharSequenceVectorizer
from sknamegen._alphabet import NONE, Alphabet, shape
from sknamegen._learning import learn
from sknamegen._models.shapes import Shaped, Shapes, no_shapes
from sknamegen.metrics import odd_shapes, shape_novelty

NAMES = ["Anna", "McLeod", "O'Neill", "Jean-Luc", "van Dyk", "Zoé", "Ruth"]
NO_LABEL = np.array([NONE])


def counted(names, window_length=10, weights=None, labels=None):
    windows = CharSequenceVectorizer(window_length=window_length).fit_transform(names)
    known, sequences = learn(windows, labels, sample_weight=weights)
    return known, sequences


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("Anna", "Lu Ll"),
        ("McLeod", "Lu Ll Lu Ll"),
        ("O'Neill", "Lu Po Lu Ll"),
        ("de la Cruz", "Ll Zs Ll Zs Lu Ll"),
        ("कि", "Lo"),
        ("ि", "M"),
        ("Zoe\u0301", "Lu Ll"),
        ("", ""),
    ],
)
def test_the_shape_of_a_name(name, runs):
    assert shape(name) == runs


def test_odd_shapes():
    assert odd_shapes(["MacNab", "gInoni", "Ann-", "gInoni"], NAMES) == ["gInoni", "Ann-", "gInoni"]
    assert shape_novelty(["MacNab", "gInoni", "Ann-", "gInoni"], NAMES) == 0.75


def by_formula(names, alphabet, prefix, character):
    """The offset of one character behind a prefix, one character of the names after another."""
    letters = [*alphabet.letters, "\2"]
    kind = dict(zip(letters, alphabet.kinds.tolist(), strict=False))

    def contexts(text):
        """No runs, the last one, up to three, and these with the length of the last one."""
        found = []
        for letter in text:
            if kind[letter] == 0:
                continue
            if not found or found[-1][0] != kind[letter]:
                found.append([kind[letter], 0])
            found[-1][1] += 1
        runs = tuple(kind for kind, _ in found[-3:])
        of_runs = [runs[len(runs) - n :] for n in range(len(runs) + 1)]
        return [*of_runs, (*runs, f"length {min(found[-1][1], 4)}")] if runs else of_runs

    followed = {}
    for name in names:
        whole = f"\2{name}\3"
        for i in range(1, len(whole)):
            for context in contexts(whole[:i]):
                counts = followed.setdefault(context, {})
                counts[kind[whole[i]]] = counts.get(kind[whole[i]], 0) + 1
    wanted = kind[character]

    def known(behind):
        """The contexts that were met; for a length that was not, the longest below it."""
        *found, last = contexts(behind)
        found = [context for context in found if context in followed]
        lengths = range(int(last[-1][-1]), 0, -1) if last and last != found[-1] else ()
        of_length = [(*last[:-1], f"length {n}") for n in lengths]
        return [*found, *[context for context in of_length if context in followed][:1]]

    def proba(chain):
        """The probability behind the last of some contexts, and whether it was met there."""
        *shorter, last = chain
        counts = followed[last]
        n = sum(counts.values())
        if not shorter:
            n_alike = sum(kind[letter] == wanted for letter in alphabet.letters)
            return (counts.get(wanted, 0) + n_alike / len(alphabet) / 2) / (n + 0.5), True
        p, is_met = proba(shorter)
        if n == sum(followed[shorter[-1]].values()):
            return p, is_met
        return (counts.get(wanted, 0) + p / 2) / (n + 0.5), wanted in counts

    p, is_met = proba(known(prefix))
    return min(0, max(-8, np.log((3 if is_met else 1) * p / proba([()])[0])))


def test_offsets_are_those_of_the_formula():
    known, _ = counted(NAMES, 20)
    alphabet = known.alphabet
    shapes = Shapes(known.shapes, alphabet.kinds, 0)
    for prefix in ("\2", "\2A", "\2An", "\2Mc", "\2McL", "\2van D", "\2Jean-", "\2Luc-L-A", "\2'"):
        inputs = np.array([[alphabet.index.get(c, len(alphabet)) for c in prefix]])
        row = shapes.offsets[shapes.states(inputs, NO_LABEL)[0, -1], alphabet.kinds[:-3]]
        expected = [by_formula(NAMES, alphabet, prefix, c) for c in alphabet.letters]
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-6, err_msg=prefix)


def test_names_count_as_often_as_their_weights_say():
    weights = [3, 1, 2, 1, 1, 4, 1]
    repeated = [name for name, n in zip(NAMES, weights, strict=True) for _ in range(n)]
    (known, _), (expected, _) = counted(NAMES, weights=weights), counted(repeated)
    np.testing.assert_array_equal(known.shapes.codes, expected.shapes.codes)
    np.testing.assert_allclose(known.shapes.followed, expected.shapes.followed)


def test_parts_are_counted_like_all_at_once():
    known, sequences = counted(NAMES)
    kinds = known.alphabet.kinds
    parts = no_shapes(kinds)
    for rows in (slice(0, 3), slice(3, None)):
        parts = parts.more(sequences.take(rows), kinds)
    np.testing.assert_array_equal(parts.codes, known.shapes.codes)
    np.testing.assert_array_equal(parts.followed, known.shapes.followed)


def test_what_follows_depends_on_the_label():
    known, _ = counted(["Ab", "Ab", "ab"], labels=[0, 0, 1])
    alphabet = known.alphabet
    shapes = Shapes(known.shapes, alphabet.kinds, 2)
    start, capital = len(alphabet), alphabet.index["A"]
    states = shapes.states(np.array([[start], [start]]), np.array([0, 1]))[:, -1]
    assert shapes.label_of(states).tolist() == [0, 1]
    usual = (2 + 0.5 / 4) / 9.5  # two of nine, and a fourth of a half
    behind_start = (2 + usual / 2) / 3.5
    expected = [0, np.log((0 + behind_start / 2) / 1.5 / usual)]
    found = shapes.offsets[states, alphabet.kinds[capital]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_labels_are_told_apart_while_there_is_room(monkeypatch):
    known, _ = counted(["Ab", "Ab", "ab"], labels=[0, 0, 1])
    kinds = known.alphabet.kinds
    together = Shapes(known.shapes, kinds, 0)
    monkeypatch.setattr("sknamegen._models.shapes._MAX_CELLS", together.offsets.size * 2 - 1)
    full = Shapes(known.shapes, kinds, 2)
    np.testing.assert_array_equal(full.offsets, together.offsets)
    inputs = np.array([[len(kinds) - 3, 1]] * 2)
    states = full.states(inputs, np.array([0, 1]))
    np.testing.assert_array_equal(states, together.states(inputs, NO_LABEL.repeat(2)))
    assert full.label_of(states).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("others", ["אבגדהוזח", "αεινορστ"])
@pytest.mark.parametrize("make", [small_generator, CharNGramGenerator])
def test_each_label_writes_in_its_own_letters(make, others):
    rng = np.random.default_rng(0)
    latin, foreign = (
        ["".join(rng.choice(list(letters), 5)).title() for _ in range(150)]
        for letters in ("aeinorst", others)
    )
    windows = CharSequenceVectorizer().fit_transform(latin + foreign)
    generator = make().fit(windows, ["latin"] * 150 + ["foreign"] * 150)
    for label in ("latin", "foreign"):
        written = generator.sample(n_samples=1000, label=label, random_state=0)
        assert np.mean([name.isascii() != (label == "latin") for name in written]) < 0.02


@pytest.mark.parametrize("make", [small_pipeline, ngram_pipeline])
def test_partial_fit_counts_shapes(make, names):
    whole = make().fit(names)
    windows = whole[0].transform(names)
    parts = type(whole[-1])(**whole[-1].get_params())
    for rows in (slice(0, 150), slice(150, None)):
        parts.partial_fit(windows[rows], alphabet=set("".join(names)))
    shapes = whole[-1]._known.shapes
    np.testing.assert_array_equal(parts._known.shapes.followed, shapes.followed)
    loaded = pickle.loads(pickle.dumps(parts))
    np.testing.assert_array_equal(loaded.score_samples(windows), parts.score_samples(windows))


def test_unlike_names_are_rare(names):
    """A network of hardly any training writes capitals anywhere, if nothing tells it not to."""
    generator = small_pipeline(max_epochs=2).fit(names)[-1]
    assert isinstance(generator._model, Shaped)
    written = generator.sample(n_samples=1000, random_state=0)
    assert shape_novelty(written, names) < 0.02
    generator._model = generator._model.model
    assert shape_novelty(generator.sample(n_samples=1000, random_state=0), names) > 0.2


def test_scores_of_held_out_names_gain(names):
    generator = small_pipeline().fit(names[100:])[-1]
    windows = CharSequenceVectorizer().fit_transform(names[:100])
    score = generator.score(windows)
    generator._model = generator._model.model
    assert score > generator.score(windows)


def test_runs_are_as_long_as_those_of_the_list():
    """A particle has two or three letters; a name that begins with four small ones has none."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("aeinorst"), size=6)).title() for _ in range(200)]
    names = [f"{rng.choice(['van', 'de', 'van der'])} {word}" for word in words[:50]] + words[50:]
    windows = CharSequenceVectorizer().fit_transform(names)
    for generator, most in ((CharNGramGenerator(), 0.02), (small_generator(max_epochs=8), 0.05)):
        written = generator.fit(windows).sample(n_samples=2000, random_state=0)
        assert np.mean([name[:4].isalpha() and name[:4].islower() for name in written]) < most


def test_ways_to_write_stay_as_frequent():
    """Names such as "McLeod" and "O'Neill" in one of five and one of ten."""
    rng = np.random.default_rng(0)
    ends = ["leod", "nab", "neill", "brien", "hara", "dowd", "gann", "carthy", "rory", "shea"]
    ends += ["".join(rng.choice(list("aeinorst"), size=5)) for _ in range(40)]
    begins = ["Mc", "Mc", "O'", *[""] * 7]
    names = [begin + end.title() for begin in begins for end in ends]
    generator = CharNGramGenerator().fit(CharSequenceVectorizer().fit_transform(names))
    written = generator.sample(n_samples=4000, random_state=0)
    assert shape_novelty(written, names) < 0.005
    for begin, share in (("Mc", 0.2), ("O'", 0.1)):
        found = np.mean([name.startswith(begin) for name in written])
        assert found == pytest.approx(share, abs=0.03)


def test_tables_are_bounded():
    """Of many kinds and characters, fewer runs are told apart."""
    rng = np.random.default_rng(0)
    letters = [chr(c) for c in range(0x4E00, 0x4E00 + 20_000)] + list("aA1-' .,()&%$+<é")
    names = ["".join(rng.choice(letters[-16:], 6)) for _ in range(500)] + letters[:-16]
    known, _ = counted(names, 8)
    shapes = Shapes(known.shapes, known.alphabet.kinds, 0)
    assert shapes.offsets.size <= 2**22
    assert len(shapes.offsets) > 10


def test_unknown_characters_and_none():
    known, _ = counted(NAMES)
    shapes = Shapes(known.shapes, known.alphabet.kinds, 0)
    n = len(known.alphabet)
    inputs = np.array([[NONE, NONE, n], [NONE, n, n + 1], [NONE, NONE, NONE]])
    states = shapes.states(inputs, NO_LABEL.repeat(3))
    assert states[2].tolist() == [0, 0, 0]
    assert (states[:2, :1] == 0).all()
    assert np.isfinite(shapes.offsets).all()
    np.testing.assert_array_equal(shapes.offsets[0, known.alphabet.kinds[:n]], np.zeros(n))


def test_networks_start_from_shaped_ones(names):
    base = small_generator().fit(CharSequenceVectorizer().fit_transform(names[:200]))
    windows = CharSequenceVectorizer().fit_transform(names[200:])
    generator = small_generator(init=base, max_epochs=1).fit(windows)
    assert generator._known.shapes.followed.sum() == generator._known.seen_weight
    assert Alphabet(generator.alphabet_).kinds.max() < generator._known.shapes.followed.shape[1]
