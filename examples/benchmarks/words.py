"""How many words of other names are near the words of a list, and how long do names of words take?

    python examples/benchmarks/words.py [--quick]

For each bundled list of names of several English words, `words_like` gets 35 names, three times.
The first table shows what share of the words of its other names, which these lack, is among the
nearest words. The number of lists with a word leaves out the list itself. The second table shows
processor times of lists of thirty names: of `words_like`, of the first name with these words, and
of 1,000 names after that, relative to 1,000 names without `words`. The third table shows the marks
of readers in ``blind/words.json``, for names of ten lists that were invented for the test, in
random order. Each name has three marks, 0 or 1: whether its form is that of a name in the list,
whether its words make sense together, and whether the reader would keep it.
"""

import json
from collections import Counter
from itertools import chain
from pathlib import Path
from time import process_time

import numpy as np
from _common import LISTS_OF_WORDS, parse_arguments, print_machine

from sknamegen import CharLSTMGenerator, list_styles, load_names, load_words, words_like
from sknamegen._data.english import are_english, nearest_words, word_vectors
from sknamegen._text.words import split_words

arguments = parse_arguments(__doc__, takes_names=False)
N_GIVEN, N_SPLITS, N_NEAREST = 35, 1 if arguments.quick else 3, (500, 1000, 2000)
# By how much an invented list raises the number of lists with a word.
N_LISTS = 10


def shares_near(names, rng):
    """Return the shares of unknown words of held-out names among the nearest words."""
    split = split_words(names)
    words, vectors, n_lists = word_vectors()
    several = set().union(*(found for found in split if len(found) > 1))
    n_others = n_lists - N_LISTS * np.isin(words, [*several])
    order = rng.permutation(len(names)).tolist()
    given, others = (
        chain.from_iterable(split[i] for i in part) for part in (order[:N_GIVEN], order[N_GIVEN:])
    )
    counts = Counter(given)
    nearest = nearest_words(counts, words, vectors, n_others)
    ranks = {word: i for i, word in enumerate(word for word in nearest if word not in counts)}
    unknown = [word for word in others if word not in counts and word in load_words()]
    unknown = [word for word in unknown if len(word) > 3 or word in ranks]  # not "the" or "of"
    return [np.mean([ranks.get(word, n) < n for word in unknown]) for n in N_NEAREST]


print_machine()
titles, rows = [*chain.from_iterable(list_styles().values())], []
for title in titles[:: 20 if arguments.quick else 1]:
    names = load_names(title)
    split = split_words(names)
    n_several = sum(len(words) > 1 for words in split)
    if n_several > 0.7 * len(names) and are_english({*chain.from_iterable(split)}):
        shares = [shares_near(names, np.random.default_rng(seed)) for seed in range(N_SPLITS)]
        rows.append(np.mean(shares, axis=0))
mean, error = np.mean(rows, axis=0), np.std(rows, axis=0) / len(rows) ** 0.5
print(f"\n{len(rows)} lists")
for n, *values in zip(N_NEAREST, mean, error, strict=True):
    print("among the nearest {:5,}: {:.2f} ± {:.2f}".format(n, *values))


def seconds(function, *args, **options):
    start = process_time()
    function(*args, **options)
    return process_time() - start


print("\nlist      n_words  words_like  first name  1,000 names")
n = 10 if arguments.quick else 1000
for title, names in LISTS_OF_WORDS.items():
    time = seconds(words_like, names)
    generator = CharLSTMGenerator(random_state=0).fit(names)
    generator.sample(n_samples=n, random_state=0)
    free = seconds(generator.sample, n_samples=n, random_state=1)
    for n_words, limits in {"any": {}, "2 to 3": {"min_words": 2, "max_words": 3}}.items():
        options = {"words": words_like(names), **limits}
        first = seconds(generator.sample, random_state=0, **options)
        generator.sample(n_samples=n, random_state=0, **options)
        many = seconds(generator.sample, n_samples=n, random_state=1, **options) / free
        print(f"{title:9} {n_words:7}  {time:8.2f} s  {first:8.2f} s  {many:11.1f}")

marked = json.loads((Path(__file__).parent / "blind" / "words.json").read_text("utf-8"))
titles = [title for title in marked["beers"] if title != "list"]
print("\nwords, settings                     names  form  sense  kept")
for title in titles:
    marks = [np.mean([row[1:] for row in lists[title]], axis=0) for lists in marked.values()]
    n = sum(len(lists[title]) for lists in marked.values())
    form, sense, kept = np.mean(marks, axis=0)
    error = np.std([kept for _, _, kept in marks]) / len(marks) ** 0.5
    print(f"{title:34} {n:6} {form:5.2f}  {sense:5.2f}  {kept:.2f} ± {error:.2f}")
