"""NamePseudonymizer: the same names always get the same invented ones."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from conftest import small_pipeline
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from sknamegen import SKOPS_TRUSTED, CharNGramGenerator, NamePseudonymizer, load_names
from sknamegen.datasets import known_names

NAMES = load_names("female")[::20]
KEY = b"keep this secret"


def of(names, **params):
    """The pseudonyms of names that were learned."""
    return NamePseudonymizer(**{"key": KEY} | params).fit(names).transform(names).ravel().tolist()


def test_each_name_gets_one_that_is_nobody_elses():
    column = [*NAMES, *NAMES[::-1]]
    pseudonyms = of(column)
    assert pseudonyms == [*pseudonyms[: len(NAMES)], *pseudonyms[: len(NAMES)][::-1]]
    assert len(set(pseudonyms)) == len(set(NAMES))
    folded = {name.casefold() for name in NAMES}
    assert not any(pseudonym.casefold() in folded for pseudonym in pseudonyms)


def test_key_and_names_decide_alone():
    expected = dict(zip(NAMES, of(NAMES), strict=True))
    order = np.random.default_rng(0).permutation(len(NAMES)).tolist()
    shuffled = [NAMES[i] for i in order]
    assert of(shuffled) == [expected[name] for name in shuffled]
    assert of([*NAMES, *shuffled])[: len(NAMES)] == [*expected.values()]
    assert of(NAMES, key=KEY.decode()) == [*expected.values()]
    other = of(NAMES, key=b"another secret")
    assert np.mean(np.array(other) == [*expected.values()]) < 0.02


def test_another_process_gives_the_same():
    code = (
        "from sknamegen import NamePseudonymizer, load_names; names = load_names('female')[::20]; "
        f"print(NamePseudonymizer(key={KEY!r}).fit(names).transform(names).ravel().tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(of(NAMES))


def test_what_is_no_name_stays():
    frame = pd.DataFrame(
        {"name": ["Anna", None, np.nan, pd.NA, "", "Anna"], "age": range(6)}, dtype=object
    )
    anna = NamePseudonymizer(key=KEY).fit(frame[["name"]]).transform(frame[["name"]]).ravel()
    assert anna[0] == anna[5] != "Anna"
    assert anna[1] is None
    assert np.isnan(anna[2])
    assert anna[3] is pd.NA
    assert anna[4] == ""
    composed = of(["Zo\u0065\u0308", "Zo\u00eb", "Anna"])
    assert composed[0] == composed[1]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_in_a_table(make):
    table = make({"name": NAMES[:40], "age": [*range(40)]})
    transformer = make_column_transformer(
        (NamePseudonymizer(key=KEY), ["name"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas" if make is pd.DataFrame else "polars")
    shown = transformer.fit_transform(table)
    assert list(shown.columns) == ["name", "age"]
    assert shown["name"].to_list() == of(NAMES[:40])
    assert shown["age"].to_list() == [*range(40)]
    pseudonymizer = NamePseudonymizer(key=KEY).fit(table["name"])
    assert pseudonymizer.get_feature_names_out().tolist() == ["name"]
    assert pseudonymizer.transform(table["name"]).ravel().tolist() == of(NAMES[:40])


def test_labels_and_a_fitted_generator():
    names, labels = load_names(return_X_y=True)
    learned = small_pipeline(max_epochs=20).fit(names[::10], labels[::10])
    column, sexes = ["Maria", "Otto", "Kim", "Kim", "Kim"], ["female", "male", "male", "x", "male"]
    frozen = FrozenEstimator(learned)
    with pytest.raises(ValueError, match=r"label must be one of 'female', 'male'. Got 'x'"):
        NamePseudonymizer(frozen, key=KEY).fit(["Kim"], ["x"])
    pseudonymizer = NamePseudonymizer(frozen, key=KEY).fit(column, sexes)
    assert pseudonymizer.generator_[-1] is learned[-1] or pseudonymizer.generator_ is frozen
    assert pseudonymizer.pseudonyms_.keys() == {"Maria", "Otto", "Kim"}
    many = NamePseudonymizer(key=KEY).fit(names[::10], labels[::10])
    kinds = many.generator_.predict(many.transform(names[::10]).ravel().tolist())
    assert np.mean(kinds == labels[::10]) > 0.7


def test_names_that_fit_has_not_met():
    pseudonymizer = NamePseudonymizer(key=KEY).fit(NAMES)
    with pytest.raises(
        ValueError, match=r"X holds 2 names that fit has not met, the first in row 1"
    ):
        pseudonymizer.transform([NAMES[0], "Xenobia", NAMES[1], "Qurt"])
    pseudonymizer.set_params(unseen="generate")
    known = pseudonymizer.transform(NAMES)
    together = pseudonymizer.transform([*NAMES, "Qurt", "Xenobia"])
    assert together[: len(NAMES)].tolist() == known.tolist()
    assert pseudonymizer.transform(["Xenobia"]).tolist() == together[-1:].tolist()
    assert together[-1, 0] not in {*NAMES, "Xenobia"}


def test_targets_of_a_pipeline_are_no_labels():
    frame = pd.DataFrame({"name": NAMES})
    expected = NamePseudonymizer(key=KEY).fit_transform(frame).tolist()
    for y in (
        np.linspace(0, 1, len(NAMES)),
        np.arange(len(NAMES)) % 2,
        pd.Series([True] * len(NAMES)),
    ):
        assert NamePseudonymizer(key=KEY).fit_transform(frame, y).tolist() == expected


def test_no_two_differ_in_case_only():
    column = [*NAMES, *(name.upper() for name in NAMES), *(name.lower() for name in NAMES)]
    for y in (None, ["x", "y"] * (len(column) // 2) + ["x"] * (len(column) % 2)):
        pseudonyms = NamePseudonymizer(key=KEY).fit(column, y).pseudonyms_
        assert len({name.casefold() for name in pseudonyms.values()}) == len(set(column))


def test_a_network_is_seeded_by_the_key():
    network = small_pipeline(max_epochs=1)[-1].set_params(random_state=None)
    first, again = (of(NAMES[:40], generator=network) for _ in range(2))
    assert first == again
    assert first != of(NAMES[:40], generator=network, key=b"another")


def test_an_unseen_name_never_stays():
    names = load_names("female")
    pseudonymizer = NamePseudonymizer(key=b"k", unseen="generate").fit(names[::2])
    assert pseudonymizer.transform(["Jacqueline"]).tolist() != [["Jacqueline"]]


def test_names_that_exist_are_left_out():
    known = known_names()
    assert known.share(of(NAMES)) > 0.2
    assert known.share(of(NAMES, exclude=known)) == 0
    taken = of(NAMES)
    assert not set(taken) & set(of(NAMES, exclude=taken))


def test_saved_and_cloned():
    exclude = known_names() | ["Qurt"]
    pseudonymizer = NamePseudonymizer(CharNGramGenerator(order=3), KEY, exclude).fit(NAMES)
    assert not hasattr(clone(pseudonymizer), "pseudonyms_")
    expected = pseudonymizer.transform(NAMES).tolist()
    for loaded in (
        pickle.loads(pickle.dumps(pseudonymizer)),
        skops.io.loads(skops.io.dumps(pseudonymizer), trusted=SKOPS_TRUSTED),
    ):
        assert loaded.transform(NAMES).tolist() == expected
        assert "qurt" in loaded.exclude


def test_errors():
    with pytest.raises(NotFittedError):
        NamePseudonymizer(key=KEY).transform(NAMES)
    for key in (None, "", b"", 3, bytearray(b"abc")):
        with pytest.raises(TypeError, match=r"key must be bytes or str, not empty. Got"):
            NamePseudonymizer(key=key).fit(NAMES)
    for X in (np.array([NAMES, NAMES]), "Anna", [[NAMES]]):
        with pytest.raises(ValueError, match=r"X must be one column of names. Got the shape"):
            NamePseudonymizer(key=KEY).fit(X)
    with pytest.raises(TypeError, match=r"X must hold str, or None for no name. Got 3"):
        NamePseudonymizer(key=KEY).fit(["Anna", 3])
    with pytest.raises(ValueError, match=r"X must hold at least one name. Got none"):
        NamePseudonymizer(key=KEY).fit([None, ""])
    with pytest.raises(ValueError, match=r"unseen must be one of 'error', 'generate'. Got 'x'"):
        NamePseudonymizer(key=KEY, unseen="x").fit(NAMES)
    with pytest.raises(TypeError, match=r"exclude must be an iterable of str"):
        NamePseudonymizer(key=KEY, exclude="Anna").fit(NAMES)
    with pytest.raises(TypeError, match="Got an iterator"):
        NamePseudonymizer(key=KEY, exclude=iter(NAMES)).fit(NAMES)
    with pytest.raises(ValueError, match="pass a FrozenEstimator of a Pipeline"):
        NamePseudonymizer(key=KEY).fit(["A"])
    with pytest.raises(ValueError, match=r"one label|as many labels"):
        NamePseudonymizer(key=KEY).fit(NAMES, ["a"])
