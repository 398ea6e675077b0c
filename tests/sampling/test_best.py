"""Names that go together, compared with a slow greedy choice."""

from collections import Counter
from functools import partial

import numpy as np
import pytest
from conftest import slowly_chosen

from sknamegen import CharLSTMGenerator, CharNGramGenerator, load_names
from sknamegen._data.features import Excess
from sknamegen._sampling.best import choose

ALES = """Granite Otter Stout, Wandering Heron Ale, Pepper Mill Porter, Hopping Magpie IPA, The
Gilded Badger, Barley Moon, Cinder Hill Brown, Velvet Hedgehog Stout, Tin Soldier Mild, Northern
Finch IPA,
Old Quarry Pale, Nettle Queen, Broken Oar Bitter, Stubborn Mule Ale, Laughing Gull Pilsner, Oak
Cellar Reserve, Muddy Boot Porter, Quiet Harbour Lager, Salted Plum Gose, Walnut Drummer"""
ALES = " ".join(ALES.split()).split(", ")


@pytest.mark.parametrize("penalty", [0, 0.5, 1])
@pytest.mark.parametrize("n_pools", [1, 2])
def test_choices_are_greedy(penalty, n_pools):
    generator = CharNGramGenerator().fit(ALES)
    names = generator.sample("", 0.8, 50, random_state=0)
    scores = generator.score_samples(names) / [len(name) + 1 for name in names]
    pools = np.arange(50) % n_pools
    expected = slowly_chosen(names, scores, pools, pools[:20], penalty, ALES)
    corpus = generator._fitted.corpus
    assert choose(names, scores, pools, pools[:20], penalty, corpus) == expected


def test_names_of_a_call_differ():
    """Few begin alike, and none is chosen twice, although candidates repeat."""
    generator = CharNGramGenerator().fit(load_names("english_villages"))
    options = {"min_p": 0.05, "best_of": 25, "random_state": 0}
    sample = partial(generator.sample, "", 0.8, 50, **options)
    alike, different = (sample(diversity_penalty=penalty) for penalty in (0, 1))
    openings = [Counter(name[:3] for name in x).most_common(1)[0][1] for x in (alike, different)]
    assert openings[1] < 0.6 * openings[0]
    assert len(set(alike)) == len(set(different)) == 50


@pytest.mark.full
def test_words_are_no_more_frequent_than_in_the_list():
    generator = CharLSTMGenerator(random_state=0).fit(ALES)
    for n in (10, 100):
        names = generator.invent(n, near=ALES, random_state=1)
        assert sum(name.startswith("The ") for name in names) <= {10: 2, 100: 15}[n]


def test_the_order_of_features_does_not_matter():
    """Sets of str have another order in each process."""
    rng = np.random.default_rng(0)
    features = [list(map(str, rng.choice(99, 9, replace=False))) for _ in range(200)]
    shares = rng.random(99) / 9
    first, second = (
        Excess([of_name[::step] for of_name in features], lambda found: shares[: len(found)])
        for step in (1, -1)
    )
    for index in range(9):
        assert np.array_equal(first.of_next(), second.of_next())
        first.add(index)
        second.add(index)


def test_labels_keep_their_proportions():
    names, labels = load_names(return_X_y=True)
    generator = CharNGramGenerator().fit(names, labels)
    sizes = [len(generator.sample("", 1, 300, label=x, random_state=0)) for x in ("female", "male")]
    assert sizes == [300, 300]
    drawn = generator.sample("", 1, 400, best_of=10, random_state=0)
    by_label = [generator.score_samples(drawn, [x] * 400) for x in generator.classes_]
    share = np.mean(by_label[0] > by_label[1])
    assert abs(share - np.mean(np.array(labels) == generator.classes_[0])) < 0.1


def test_blocks_of_many_names():
    generator = CharNGramGenerator().fit(load_names("female"))
    names = generator.sample("", 1, 2500, best_of=2, random_state=0)
    assert len(names) == 2500
    assert len(set(names[:1000])) == 1000
