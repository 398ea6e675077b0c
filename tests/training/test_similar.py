"""Similar names: names of other lists from which a generator also learns."""

import pickle
import unicodedata
import zipfile
from collections import Counter

import numpy as np
import pytest
from conftest import windows_of

from sknamegen import CharLSTMGenerator, load_names
from sknamegen._data.similar import Candidates
from sknamegen._training.material import load_candidates

VILLAGES = load_names("english_villages")[:24]
ONE_EPOCH = {"max_epochs": 1, "batch_size": 64, "random_state": 0}


def fit(names=VILLAGES, labels=None, **params):
    return CharLSTMGenerator(**ONE_EPOCH | params).fit(names, labels)


@pytest.fixture(scope="module")
def generator():
    return fit()


@pytest.fixture(scope="module")
def alone():
    return fit(similar=None)


@pytest.mark.parametrize("similar", [["Москва", "Тверь"], VILLAGES[:3]])
def test_similar_names_of_no_use_cause_a_warning(similar):
    with pytest.warns(UserWarning, match="similar must contain other names than the list"):
        assert fit(similar=similar).similar_names_ == []


def is_cyrillic(name):
    """Say whether a name begins in Cyrillic: a bundled name has a Latin letter at its end."""
    return unicodedata.name(name[0]).startswith("CYRILLIC")


def ngrams(name):
    framed = f"|{name}|"
    return Counter(framed[i : i + n] for n in (1, 2, 3) for i in range(len(framed) - n + 1))


@pytest.mark.parametrize("distances", [None, [9, 2], [2, 9]])
def test_candidates_are_ranked_by_the_log_odds_of_their_ngrams_and_by_their_list(distances):
    names = ["Ana", "Anna", "Hanna"]
    lists = [["Anno", "Bob", "Rona", "anna", "Иван"], ["Hal", "Hana", "Bob", "Maria"]]
    pool = [name for names in lists for name in names]
    counts, background = (sum(map(ngrams, x), Counter()) for x in (names, pool))

    def own_score(name):
        own = ngrams(name)
        expected = {g: (background[g] + 1) / len(pool) for g in own}
        odds = {g: (counts[g] + 40 * p) / (len(names) + 40) / p for g, p in expected.items()}
        return sum(n * np.log(odds[g]) for g, n in own.items()) / (own.total() + 8)

    def score(name):
        of_lists = [
            3 * np.mean(list(map(own_score, names))) - 0.5 * distance
            for names, distance in zip(lists, distances or [0, 0], strict=True)
            if name in names
        ]
        return own_score(name) + max(of_lists)

    # Names of the list are left out regardless of case, and so are other scripts.
    ranked = sorted(["Anno", "Bob", "Hana", "Rona", "Hal", "Maria"], key=score, reverse=True)
    texts = ["".join(f"{name}\0" for name in names) for names in lists]
    candidates = Candidates(texts, distances and (lambda _: np.array(distances)))
    expected = chosen_set(names, ranked)
    assert candidates.most_similar(names, 9) == expected
    assert candidates.most_similar(names, 2) == expected[:2]


def chosen_set(names, ranked):
    """Return names one after another, whose beginnings and endings are as frequent as in a list."""

    def features(name):
        text = name.lower()
        return {text[:1], text[:2], text[:3], f"{text[-3:]}$"}

    wanted, counts, chosen = Counter(), Counter(), []
    wanted.update(feature for name in names for feature in features(name))

    def cost(name):
        shares = {f: wanted[f] / len(names) for f in features(name)}
        ratios = [(counts[f] + 1) / (1 + p * (len(chosen) + 1)) for f, p in shares.items()]
        return np.log1p(ranked.index(name) / 50) + 0.5 * sum(max(0, np.log(r)) for r in ratios)

    while len(chosen) < len(ranked):
        chosen.append(min((name for name in ranked if name not in chosen), key=cost))
        counts.update(features(chosen[-1]))
    return chosen


@pytest.mark.parametrize("convert", [str, str.lower, str.upper])
def test_similar_names_come_from_lists_of_their_kind(convert):
    """Without the distance of lists, fewer are Estonian or Finnish first names."""
    names = """Valjo Rünno Leivo Vardo Kaupo Ülo Aivar Heiki Indrek Kalju Lembit Margus Ott Peeter
    Riho Sulev Tõnu Uno Vello Andres"""
    similar = load_candidates(convert).most_similar(convert(names).split(), 300)
    first_names = load_names("et_EE_first_names") + load_names("fi_FI_first_names")
    assert len(set(similar) & set(map(convert, first_names))) > 80


def test_similar_names_resemble_the_list(generator):
    similar = generator.similar_names_
    assert len(similar) == len(set(similar)) == 300
    assert not set(similar) & set(VILLAGES)
    endings = sum(name.endswith(("ton", "ham", "ley", "ford", "by", "wick")) for name in similar)
    assert endings > 60


def test_the_alphabet_is_open(generator, alone):
    missing = set("GIJLNUVXYZ") - set(alone.alphabet_)
    assert missing
    assert missing | set(alone.alphabet_) <= set(generator.alphabet_)
    sampled = generator.sample(sorted(missing), 0.7, random_state=0)
    assert [name[0] for name in sampled] == sorted(missing)


def test_letters_that_the_list_lacks_cost_what_they_cost_without_similar_names(generator, alone):
    assert generator.n_characters_seen_ == alone.n_characters_seen_
    cost = np.log(generator.n_characters_seen_ + 1)
    proba = generator.next_char_proba("")[0]
    for letter in "GЖ":
        first = generator.score_samples([letter])[0] + cost
        (rest,) = windows_of([letter])[:, 1:]
        assert first == pytest.approx(generator.score_samples(rest[None])[0])
    assert proba[list(generator.alphabet_).index("G")] > 1e-4


def test_attributes_describe_the_list(generator, alone):
    for name in ("max_length_", "n_characters_seen_", "window_length_"):
        assert getattr(generator, name) == getattr(alone, name)
    labels = ["a", "b"] * 12
    labelled = fit(labels=labels)
    assert labelled.class_count_.tolist() == [12, 12]
    assert len(labelled.similar_names_) > 300


def test_similar_names_are_not_novel(generator):
    known = {name.casefold() for name in [*VILLAGES, *generator.similar_names_]}
    for novel in (False, True):
        sampled = generator.sample("", 0.3, 300, novel=novel, random_state=0)
        assert known.isdisjoint(map(str.casefold, sampled)) == novel


def test_round_trip_and_partial_fit(generator, alone):
    loaded = pickle.loads(pickle.dumps(generator))
    names = ["Gunford", "Ashwick", "Žilina"]
    np.testing.assert_array_equal(loaded.score_samples(names), generator.score_samples(names))
    before = loaded.score_samples(["G"])[0]
    loaded.partial_fit(["Gunford", "Gadby"])
    assert loaded.similar_names_ == generator.similar_names_
    assert loaded.score_samples(["G"])[0] != before  # the list has the letter now
    assert loaded.sample("Z", random_state=0).startswith("Z")


@pytest.mark.full
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([name.lower() for name in VILLAGES], str.islower),
        ([name.upper() for name in VILLAGES], str.isupper),
        (["Иванов", "Петров", "Сидоров", "Смирнов"], is_cyrillic),
    ],
    ids=["lower", "upper", "Cyrillic"],
)
def test_similar_names_have_the_case_and_script_of_the_list(names, expected):
    generator = fit(names)
    assert generator.similar_names_
    assert all(map(expected, generator.similar_names_))
    assert all(map(expected, generator.sample(n_samples=20, random_state=0)))


def test_other_fits_have_no_similar_names(alone):
    small = {"init": None, "num_networks": 1, "hidden_size": 4}
    text = windows_of([" ".join(VILLAGES)], boundary=False)
    japanese = fit(["はな", "ゆう"])
    for generator in (alone, fit(**small), fit(text, **small), fit(init=alone), japanese):
        assert generator.similar_names_ == []


def test_a_python_without_lzma_has_no_similar_names(monkeypatch):
    load_candidates.cache_clear()
    monkeypatch.setattr(zipfile, "lzma", None)
    with pytest.warns(UserWarning, match="without similar names, because of an error: .*lzma"):
        assert fit().similar_names_ == []


def test_names_of_the_user():
    related = ["Gunthorpe", "Gotham", "Bob", "Zeal"]
    own = fit(similar=iter(related), init=None, num_networks=1, hidden_size=4)
    assert sorted(own.similar_names_) == sorted(related)
    assert set("BGZ") <= set(own.alphabet_)
    with pytest.raises(ValueError, match=r"similar must be an iterable of str with at least one"):
        fit(similar=[])


@pytest.mark.full
def test_held_out_names_do_not_choose(monkeypatch):
    seen, rank = [], Candidates.most_similar
    monkeypatch.setattr(Candidates, "most_similar", lambda *x: seen.extend(x[1]) or rank(*x))
    fit(early_stopping=True, validation_fraction=0.25)
    assert len(seen) == 18
    assert set(seen) < set(VILLAGES)
