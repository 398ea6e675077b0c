"""Errors say what was expected, what came, and what to do: a table for each subject."""

import re
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ngram_pipeline, windows_of
from conftest import small_generator as lstm
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

# Short names keep each row of the tables on one line.
from sknamegen import CharLSTMGenerator as auto
from sknamegen import CharNGramGenerator as ngrams
from sknamegen import CharSequenceVectorizer as vectorizer
from sknamegen import NameClassifier as classifier
from sknamegen import NamePseudonymizer


@pytest.mark.parametrize(
    ("estimator", "error", "match"),
    [
        (vectorizer(window_length=0), ValueError, "window_length must be an int >= 1. Got 0."),
        (vectorizer(window_length=10**9), ValueError, "or use a smaller window_length"),
        (vectorizer(step=2), ValueError, "step must be 1 for names (boundary=True), bec"),
        (vectorizer(window_length=3, boundary=False), ValueError, "Got 3 characters in row 0"),
        (vectorizer(step=0), ValueError, "step must be an int >= 1. Got 0."),
        (vectorizer(normalization="NFX"), ValueError, "normalization must be one of None, 'NFC'"),
        (vectorizer(handle_unknown="ignore"), ValueError, "handle_unknown must be one of 'repla"),
        (vectorizer(boundary="no"), ValueError, "boundary must be one of True, False"),
        (vectorizer(lowercase=None), ValueError, "lowercase must be one of"),
        (lstm(hidden_size=0), ValueError, "'auto' or an int >= 1 and <= 10,000. Got 0."),
        (lstm(hidden_size=2.5), TypeError, "hidden_size must be 'auto' or an int >= 1 and"),
        (lstm(num_layers=0), ValueError, "num_layers must be an int >= 1 and <= 100"),
        (lstm(embedding_dim=0), ValueError, "embedding_dim must be an int >= 1"),
        (lstm(dropout=1), ValueError, "dropout must be 'auto' or in [0, 1). Got 1."),
        (lstm(ngram_counts="yes"), ValueError, "ngram_counts must be one of 'auto', True, False."),
        (lstm(optimizer="Adm"), ValueError, "optimizer must be a torch.optim class"),
        (lstm(lr=0), ValueError, "lr must be 'auto' or a finite number > 0. Got 0."),
        (lstm(lr_schedule="cosine"), ValueError, "lr_schedule must be one of 'one_cycle'"),
        (lstm(weight_decay=-1), ValueError, "weight_decay must be 'auto' or a finite number >= 0"),
        (lstm(batch_size=0), ValueError, "batch_size must be 'auto' or an int >= 1"),
        (lstm(max_epochs=0), ValueError, "max_epochs must be 'auto' or an int >= 1. Got 0."),
        (lstm(ngram_weight=1.1), ValueError, "ngram_weight must be 'auto' or in [0, 1]. Got 1.1."),
        (lstm(early_stopping="yes"), ValueError, "early_stopping must be one of True, False"),
        (lstm(validation_fraction=1), ValueError, "validation_fraction must be in (0, 1)"),
        (lstm(n_iter_no_change=0), ValueError, "n_iter_no_change must be an int >= 1"),
        (lstm(net_params=[1]), TypeError, "net_params must be a dict or None"),
        (lstm(optimizer="Optimizer"), ValueError, "Got 'Optimizer'"),
        # Errors of torch
        (lstm(optimizer="SparseAdam"), RuntimeError, "does not support dense gradients"),
        (lstm(optimizer="Muon"), ValueError, "only supports 2D parameters"),
        (lstm(device="meta"), ValueError, "'auto' or a usable torch device"),
        (lstm(verbose="loud"), TypeError, "verbose must be an int >= 0. Got 'loud'."),
        (lstm(net_params={"speed": 3}), ValueError, "unexpected argument(s) speed"),
        (lstm(early_stopping=True), ValueError, "at least one training name after the split"),
        (lstm(precision="half"), ValueError, "precision must be one of 'auto', 'float32'"),
        (lstm(callbacks=[("a", 3)]), TypeError, "callbacks must be a list of skorch callbacks"),
        (lstm(callbacks=3), TypeError, "callbacks must be a list of skorch callbacks or None"),
        (lstm(random_state=-1), ValueError, "random_state must be an int >= 0. Got -1."),
        (ngrams(order=0), ValueError, "order must be an int >= 1 and <= 100. Got 0."),
        (auto(init="bass"), TypeError, "init must be 'auto', None, 'base' or a fitted"),
        (auto(init=auto()), NotFittedError, "frozen.FrozenEstimator(generator)"),
        (auto(init=ngrams().fit(["A"])), TypeError, "CharLSTMGenerator. Got CharNGramG"),
        (auto(init="base", num_layers=2), ValueError, "num_layers must be 1, as in the network"),
        (auto(init="base", hidden_size=7), ValueError, "hidden_size must be "),
        (auto(init="base", embedding_dim=None), ValueError, "embedding_dim must be 64"),
    ],
)
def test_bad_parameters(estimator, error, match):
    with pytest.raises(error, match=re.escape(match)):
        getattr(estimator, "fit_transform", estimator.fit)(["Ada"])
    assert not hasattr(estimator, "name_hashes_")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"temperature": -0.1}, ValueError, "temperature must be a finite number >= 0. Got -0.1."),
        ({"n_samples": -1}, ValueError, "n_samples must be an int >= 0 and <= 10,000,000. Got -1"),
        ({"seed": ["A", "B"], "n_samples": 2}, ValueError, "repeat the seeds"),
        ({"seed": 42}, TypeError, "Got 42. For 42 names, pass n_samples=42. For repr"),
        ({"max_length": 10**9}, ValueError, "max_length must be an int >= 1 and <= 2,097,152"),
        ({"seed": ["A", None]}, TypeError, "Got ['A', None]"),
        ({"seed": "Zoë"}, ValueError, "contains 'Z', 'ë', outside the model's alphabet"),
        ({"seed": "A\3"}, ValueError, r"contains '\x03', outside the model"),
        ({"min_length": -1}, ValueError, "min_length must be an int >= 0"),
        ({"min_length": 5, "max_length": 4}, ValueError, "min_length=5 and max_length=4"),
        ({"min_length": 99}, ValueError, "the longest training name). Pass a larger max_length"),
        ({"seed": "Maria", "max_length": 4}, ValueError, "Got seed 'Maria' with 5 characters"),
        ({"top_k": 0}, ValueError, "top_k must be an int >= 1. Got 0."),
        ({"top_p": 0}, ValueError, "top_p must be in (0, 1]. Got 0."),
        ({"min_p": 1.5}, ValueError, "min_p must be in [0, 1]. Got 1.5."),
        ({"best_of": 0}, ValueError, "best_of must be an int >= 1. Got 0."),
        ({"random_state": "x"}, TypeError, "random_state"),
        ({"unique": 1.5}, ValueError, "unique must be one of True, False. Got 1.5."),
        ({"novel": "yes"}, ValueError, "novel must be one of True, False. Got 'yes'."),
        ({"on_shortfall": "stop"}, ValueError, "on_shortfall must be one of 'raise', 'warn'."),
        ({"pattern": 5}, TypeError, "must be a str or a compiled regular expression. Got 5."),
        ({"pattern": re.compile(b"a")}, TypeError, "pattern must be a string pattern. Got"),
        ({"pattern": "(a"}, ValueError, "a valid regular expression. Got '(a': missing )"),
        ({"pattern": "a{3,2}"}, ValueError, "Got 'a{3,2}': min repeat greater than max repeat"),
        ({"pattern": "(a)\\1"}, ValueError, "repetitions. Got '(a)\\\\1', which contains a gro"),
        ({"pattern": "a(?!b).*"}, ValueError, "which contains a lookaround assertion"),
        ({"pattern": "a^b"}, ValueError, "which contains an anchor or a lookaround assertion"),
        ({"pattern": "(?>a)"}, ValueError, "which contains an atomic group"),
        ({"pattern": "a++"}, ValueError, "which contains a possessive quantifier"),
        ({"pattern": "((a{0,9}){0,9}){0,9}" * 60}, ValueError, "contain fewer repetitions: with"),
        ({"pattern": "a" * 60000}, ValueError, "it expands to more than 40,000 characters"),
        ({"pattern": "(" * 90 + ")" * 90 + "(" * 5000}, ValueError, "must be a valid regular exp"),
        ({"banned": "ann"}, TypeError, "banned must be an iterable of non-empty str"),
        ({"banned": ["ann", ""]}, TypeError, "banned must be an iterable of non-empty str"),
        ({"words": "silver"}, TypeError, "words must be an iterable of str with at least one word"),
        ({"words": []}, ValueError, "with at least one word. Got"),
        ({"words": ["ab", None]}, TypeError, "words must be an iterable of str"),
        ({"words": ["12", "-"]}, ValueError, "words must contain a word that consists of letters"),
        ({"words": ["日本"]}, ValueError, "words must contain a word that consists of letters of"),
        ({"seed": "Ma", "max_length": 3, "pattern": ".{4}"}, ValueError, "No name of 1 to 3 char"),
        ({"pattern": ".{99}"}, ValueError, r"matches pattern='.{99}'. Relax the constraint"),
        ({"seed": "Ma", "banned": ["MA"]}, ValueError, "contains none of banned=('ma',)"),
        ({"seed": "Wxv", "words": ["the"]}, ValueError, "'Wxv' and consists of the given words"),
        ({"min_words": 1.5}, TypeError, "min_words must be an int >= 0 and <= 1,000. Got 1.5."),
        ({"max_words": -1}, ValueError, "max_words must be an int >= 0 and <= 1,000. Got -1."),
        ({"min_words": 3, "max_words": 2}, ValueError, "Got min_words=3 and max_words=2."),
        ({"exclude": "ab"}, TypeError, "exclude must be an iterable of str, or an"),
        ({"exclude": ["ab", 3]}, TypeError, "exclude must be an iterable of str, or an"),
        ({"exclude": np.array([["ab"]])}, TypeError, "exclude must be an iterable of str, or an"),
        # Options of `most_likely`
        ({"n": 0}, ValueError, "n must be an int >= 1. Got 0."),
        ({"n": 1, "seed": ["A"]}, TypeError, "seed must be a str. Got ['A']."),
        ({"n": 1, "exclude": 3}, TypeError, "exclude must be an iterable of str"),
        ({"n": 1, "pattern": "[0-9]+"}, ValueError, "No name of 1 to"),
        ({"n": 1, "seed": "Maria", "max_length": 4}, ValueError, "Got seed 'Maria'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_options(generator, options, error, match):
    with pytest.raises(error, match=re.escape(match)):
        (generator.most_likely if "n" in options else generator.sample)(**options)
    if not options.keys() & {"n", "n_samples", "unique", "novel", "on_shortfall"}:
        with pytest.raises(error):
            generator.stream(**options)
    if not options.keys() & {"n", "n_samples"}:
        with pytest.raises(error):
            generator.invent(**options)


def frozen(generator):
    return classifier(FrozenEstimator(generator))


pseudonyms = partial(NamePseudonymizer, key="a")
NAMES = ["Ada", "Eve", "Zoe"]
# Stub of an accelerator
TWO = SimpleNamespace(num_processes=2, process_index=0, device=torch.device("cpu"))
WINDOWS = windows_of(NAMES, 3)


@pytest.mark.parametrize(
    ("estimator", "data", "error", "match"),
    [
        (ngrams(), [["a"] * 5], ValueError, "y must contain one label for each of the 3 name"),
        (ngrams(), [[0.1, 0.2, 0.3]], ValueError, "y must contain labels, either all str or all"),
        (ngrams(), [[b"a", b"b", b"a"]], ValueError, "or all int. Got invalid labels: bytes"),
        (ngrams(), [[["a", "b"]] * 3], ValueError, "y must contain labels, either all str or all"),
        # Lists of mixed types are rejected, although numpy would convert their items to str.
        (ngrams(), [[np.nan, "f", "f"]], ValueError, "y must contain labels, either all str or"),
        (ngrams(), [(True, "f", "f")], ValueError, "y must contain labels, either all str or all"),
        (ngrams(), [None, [1, 2]], ValueError, "number from 0 to 1e12 for each of 3 names. Got"),
        (ngrams(), [None, [1, 2, -1]], ValueError, "names. Got -1.0."),
        (lstm(), [None, [1, 2, np.nan]], ValueError, "names. Got nan."),
        (ngrams(), [None, ["a", 2, 3]], ValueError, "names. Got ['a', 2, 3]."),
        (ngrams(), [None, [0, 0, 0]], ValueError, "one number above zero. Got only zeros."),
        (lstm(accelerator="cpu"), [], TypeError, "must be None or an Accelerator"),
        (lstm(accelerator=TWO, random_state=None), [], ValueError, "same int in all 2 processes"),
        (classifier(GridSearchCV(ngrams(), {})), [["a"] * 3], TypeError, "Got a GridSearchCV"),
        (frozen(vectorizer()), [["a"] * 3], TypeError, "Got a CharSequenceVectorizer"),
        (frozen(ngrams()), [["a"] * 3], NotFittedError, "not fitted yet"),
        (frozen(ngrams().fit(NAMES)), [["a"] * 3], ValueError, "generator fitted without labels"),
        (classifier(ngrams()), [], ValueError, "requires y to be passed"),
        # The documentation says that bagging needs numbers.
        (BaggingClassifier(classifier(ngrams())), [["a"] * 3], ValueError, "Expected 2D array"),
        (pseudonyms(key=None), [], TypeError, "key must be non-empty bytes or str. Got NoneType"),
        (pseudonyms(key=b""), [], TypeError, "non-empty bytes or str. Got an empty key"),
        (pseudonyms(key=bytearray(b"a")), [], TypeError, "bytes or str. Got bytearray"),
        (pseudonyms(unseen="x"), [], ValueError, "one of 'error', 'generate'. Got "),
        (pseudonyms(ngrams(), exclude="A"), [], TypeError, "exclude must be an iterable of str"),
        (pseudonyms(exclude=iter("A")), [], TypeError, "Got an iterator"),
    ],
)
def test_bad_labels_weights_and_generators(estimator, data, error, match):
    with pytest.raises(error, match=re.escape(match)):
        estimator.fit(NAMES, *data)
    assert not hasattr(estimator, "generator_")


@pytest.mark.parametrize(
    ("estimator", "X", "error", "match"),
    [
        (lstm(accelerator=TWO), ["A"], ValueError, "name for each of the 2 processes. Got 1"),
        (classifier(ngrams()), [1, 2, 3], ValueError, "Pass names as a list of str, or windows"),
        (classifier(ngram_pipeline()), WINDOWS, TypeError, "X must be an iterable of str"),
        (pseudonyms(), np.array([NAMES] * 2), ValueError, "a single column of names."),
        (pseudonyms(), "Anna", ValueError, "must be a single column of names. Got sha"),
        (pseudonyms(), ["A", 3], TypeError, "None for missing names. Got int in row 1."),
        (pseudonyms(), [None, ""], ValueError, "at least one name. Got no names"),
        (pseudonyms(ngrams()), ["A"], ValueError, "pass a FrozenEstimator of a fitted Pipeline"),
    ],
)
def test_bad_X(estimator, X, error, match):
    y = ["a", "b", "a"] if isinstance(estimator, classifier) else None
    with pytest.raises(error, match=re.escape(match)):
        estimator.fit(X, y)
