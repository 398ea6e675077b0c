"""What does each training rule gain? Compare the held-out loss with and without it.

    pip install -e '.[bench]'
    python examples/benchmarks/ablation.py
    python examples/benchmarks/ablation.py --scratch
    python examples/benchmarks/ablation.py --share
    python examples/benchmarks/ablation.py --labels

The lists contain names of languages, countries, currencies, scripts and cities in the locales of
the Unicode CLDR (from the package Babel). The base was trained on none of these lists.
``--scratch`` compares ``ngram_weight`` without the base, and ``--share`` weights for the base.
``--labels`` compares learning rates for label vectors, on twelve lists with two to five labels from
Babel, Faker and Mimesis.
"""

import sys
import unicodedata
from collections import defaultdict
from unittest.mock import patch

import numpy as np
from _common import parse_arguments, print_machine
from babel import Locale, localedata
from mimesis import Address, Person
from mimesis.locales import Locale as MimesisLocale
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, NameClassifier, load_names
from sknamegen._generator import fitted
from sknamegen._models.mixture import Component, Mixture
from sknamegen._training import fit, plan

LATIN = [f"{locale}_surnames" for locale in ("it_IT", "pl_PL", "de_DE", "fi_FI", "ga_IE")]
LANGUAGES = "de", "fi", "pl", "tr", "hu", "el", "ru", "ar", "hi", "lt", "cy", "sw"
SIZES, SHARE_SIZES = (20, 50, 200, 1000, 5000), (20, 50, 200, 1000, 5000, 12_000, 30_000)
SHARES = 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0
LABEL_SIZES, LABEL_RATES, N_LABEL_TEST = (10, 50, 200), (0.1, 0.03, 0.3), 150
MAX_LENGTH, N_TEST = 24, 500
automatic = plan._recipe


def names_in_script(names, script):
    """Return the names that contain only letters of the script."""
    return [
        name
        for name in names
        if all(script in unicodedata.name(c, "") or c in " -'’" for c in name)
    ]


def shuffled(names):
    """Return the distinct names in a fixed random order."""
    names = sorted(set(names))
    return [names[i] for i in np.random.default_rng(0).permutation(len(names))]


def from_base(**values):
    """Return a patch that replaces the values of "auto" for pretrained networks."""

    def replaced(optimizer, n_names, starts_from_init):
        defaults = automatic(optimizer, n_names, starts_from_init)
        return defaults | values if starts_from_init else defaults

    return plan, "_recipe", replaced


# Generator parameters or a patch, and the minimum and maximum number of names.
VARIANTS = {
    "default": ({}, 0, 10**6),
    "head: common learning rate": (from_base(head_lr_factor=1), 0, 10**6),
    "base: ngram_weight=0.5": (from_base(ngram_weight=0.5), 0, 999),
    "base: weight_decay=0.1": (from_base(weight_decay=0.1), 0, 999),
    "base: lr=0.002": (from_base(lr=0.002), 0, 999),
    "base: dropout=0.2": (from_base(dropout=0.2), 0, 999),
    "base: ngram_weight=0": (from_base(ngram_weight=0.0), 0, 999),
    "ngram_counts=False": ({"ngram_counts": False}, 0, 999),
    "num_networks=2": ({"num_networks": 2}, 0, 127),
    "base: lr=0.01": (from_base(lr=0.01), 0, 999),
    "batch_size=16": ({"batch_size": 16}, 0, 1000),
    "batch_size=64": ({"batch_size": 64}, 200, 1000),
    "AdamW's default betas": ((fit, "_BETAS", (0.9, 0.999)), 0, 10**6),
    "hidden_size=128": ({"hidden_size": 128}, 200, 10**6),
    "dropout=0.35, epochs x 1.4": ({"dropout": 0.35, "max_epochs": 14}, 0, 10**6),
}
SCRATCH_VARIANTS = {
    "default": ({"init": None}, 0, 499),
    "ngram_weight=0.5": ({"init": None, "ngram_weight": 0.5}, 0, 499),
    "ngram_weight=0.9": ({"init": None, "ngram_weight": 0.9}, 0, 499),
}


def names_of(locale):
    """Return the names in a locale by kind."""
    tables = {name: getattr(locale, name) for name in ("languages", "territories", "scripts")}
    tables["currencies"] = locale.currencies
    cities = {key: zone["city"] for key, zone in locale.time_zones.items() if "city" in zone}
    return {
        kind: {name for name in table.values() if 2 < len(name) <= MAX_LENGTH}
        for kind, table in (tables | {"cities": cities}).items()
    }


def lists_of_one_language():
    """Return lists of 250 to 650 names, each in one language."""
    kinds = {code: names_of(Locale(code)) for code in LANGUAGES}
    lists = {f"languages, {code}": kinds[code]["languages"] for code in LANGUAGES}
    return lists | {f"cities, {code}": kinds[code]["cities"] for code in LANGUAGES[::3]}


def lists_of_many_languages():
    """Return lists of at least 5,500 Latin names, with large lists split in half."""
    lists = defaultdict(set)
    codes = [code for code in localedata.locale_identifiers() if "_" not in code]
    for i, code in enumerate(sorted(codes)):
        for kind, names in names_of(Locale.parse(code)).items():
            half = f", {'ab'[i % 2]}"
            latin = set(filter(is_latin, names))
            lists["everything" + half] |= latin
            lists[kind if kind in ("scripts", "cities") else kind + half] |= latin
    words = {word.title() for c in range(0x30000) for word in unicodedata.name(chr(c), "").split()}
    return lists | {"words": {word for word in words if word.isalpha()}}


def is_latin(name):
    """Return whether the first letter of a name is Latin."""
    letters = [character for character in name if character.isalpha()]
    return bool(letters) and unicodedata.name(letters[0], "").startswith("LATIN")


def split(names, n, seed):
    """Return the windows of n training names and of held-out names."""
    names = sorted(names)
    names = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    n_test = min(N_TEST, len(names) // 4)
    vectorizer = CharSequenceVectorizer()
    return vectorizer.fit_transform(names[n_test:][:n]), vectorizer.transform(names[:n_test])


def loss(variant, train, test, seed):
    """Return the held-out loss of the default settings with one rule changed."""
    params = variant if isinstance(variant, dict) else {}
    generator = CharLSTMGenerator(random_state=seed, **params)
    if isinstance(variant, dict):
        return -generator.fit(train).score(test)
    with patch.object(*variant):
        return -generator.fit(train).score(test)


def losses_by_share(train, test, seed):
    """Return the held-out loss for each weight in `SHARES`, then for the default weight."""
    generator = CharLSTMGenerator(random_state=seed, num_networks=2).fit(train)
    if not generator.init_share_:
        return [np.nan] * (len(SHARES) + 1)
    penalised = fitted(generator).model
    base, other = generator._networks
    losses = []
    for share in (*SHARES, plan.base_weight(len(train))):
        weights = (base.lstm, share), (other.lstm, 1 - share)
        penalised.model = Mixture([Component(lstm, weight) for lstm, weight in weights if weight])
        losses.append(-generator.score(test))
    return losses


def labelled_lists():
    """Return lists as dicts that map labels to names."""
    names, sexes = load_names(return_X_y=True)

    def cldr(table, *codes):
        tables = {code: getattr(Locale(code), table).values() for code in codes}
        return {code: {x for x in names if len(x) <= MAX_LENGTH} for code, names in tables.items()}

    def by_locale(read, *codes):
        return {code: read(MimesisLocale(code)) for code in codes}

    def surnames(locale):
        names = Person(locale)._extract(["surnames"])
        return names if isinstance(names, list) else [x for kind in names.values() for x in kind]

    def women(locale):
        return Person(locale)._extract(["names", "female"])

    def cities(locale):
        return Address(locale)._extract(["city"])

    french, german = MimesisLocale("fr"), MimesisLocale("de")
    first = [f"{locale}_first_names" for locale in ("it_IT", "pl_PL", "de_DE", "fr_FR")]
    return {
        "first names by sex": {
            sex: [name for name, s in zip(names, sexes, strict=True) if s == sex]
            for sex in ("female", "male")
        },
        "surnames, Faker": {c: names_in_script(load_names(c), "LATIN") for c in LATIN},
        "first names, Faker": {c: load_names(c) for c in first},
        "surnames, Mimesis": by_locale(surnames, "nl", "sv", "hu", "es"),
        "cities": by_locale(cities, "de", "pl", "cs", "fr"),
        "women": by_locale(women, "it", "es", "nl", "sv"),
        "languages, Germanic": cldr("languages", "da", "nb", "sv", "nl", "de"),
        "languages, Cyrillic": cldr("languages", "ru", "uk", "bg"),
        "languages, Chinese, Japanese, Korean": cldr("languages", "zh", "ja", "ko"),
        "territories": cldr("territories", "en", "es", "fr", "it"),
        "French": {"surname": surnames(french), "woman": women(french), "city": cities(french)},
        "German": {
            "language": cldr("languages", "de")["de"],
            "surname": surnames(german),
            "city": cities(german),
        },
    }


def label_losses(lists, n, seed, rate):
    """Return the loss in nats per character given the label, and the log loss of the labels."""
    lists = {label: shuffled(names)[: n + N_LABEL_TEST] for label, names in lists.items()}
    n = min(n, *(len(x) * 2 // 3 for x in lists.values()))
    train, y_train = zip(*((x, label) for label in lists for x in lists[label][:n]), strict=True)
    test, y_test = zip(*((x, label) for label in lists for x in lists[label][n:]), strict=True)
    vectorizer, generator = CharSequenceVectorizer(), CharLSTMGenerator(random_state=seed)
    with patch.object(plan, "_LABEL_LR", rate):
        generator.fit(vectorizer.fit_transform(train), y_train)
    windows = vectorizer.transform(test)
    proba = NameClassifier(FrozenEstimator(generator)).fit().predict_proba(windows)
    return -generator.score(windows, y_test), log_loss(y_test, proba, labels=generator.classes_)


def print_label_rates(is_quick):
    """Print how the losses depend on the learning rate for labels."""
    lists = labelled_lists()
    for n in LABEL_SIZES[:1] if is_quick else LABEL_SIZES:
        rows = []
        for title in list(lists)[: 2 if is_quick else None]:
            losses = [
                [label_losses(lists[title], n, seed, rate) for rate in LABEL_RATES]
                for seed in range(1 if is_quick else 2)
            ]
            rows.append(np.mean(losses, axis=0))
            print(f"{n:,d} {title}: {rows[-1].round(4).tolist()}", file=sys.stderr, flush=True)
        changes = np.array(rows)[:, 1:] - np.array(rows)[:, :1]
        errors = changes.std(axis=0, ddof=1) / len(rows) ** 0.5
        print(f"\n{n:,d} names per label, {len(rows)} lists, versus {LABEL_RATES[0]}")
        for rate, change, error in zip(LABEL_RATES[1:], changes.mean(axis=0), errors, strict=True):
            print(
                f"  rate {rate:4.2f}: loss given the label {change[0]:+.4f} ± {error[0]:.4f}, "
                f"log loss of labels {change[1]:+.4f} ± {error[1]:.4f}",
                flush=True,
            )


def long_enough(lists, n):
    """Return the lists with at least n training names."""
    return {title: sorted(names) for title, names in lists.items() if len(names) * 3 // 4 >= n}


def main():
    arguments = parse_arguments(
        __doc__.splitlines()[0],
        takes_names=False,
        share="measure weights for the base",
        scratch="measure training from random weights",
        labels="measure the effect of the label learning rate",
    )
    print_machine("babel")
    if arguments.labels:
        print_label_rates(arguments.quick)
        return
    sizes = SHARE_SIZES if arguments.share else SIZES[:3] if arguments.scratch else SIZES
    n_seeds = 1 if arguments.quick else 3 if arguments.share else 2
    for n in sizes[:1] if arguments.quick else sizes:
        lists = long_enough(lists_of_one_language() if n < 500 else lists_of_many_languages(), n)
        table = SCRATCH_VARIANTS if arguments.scratch else VARIANTS
        variants = {t: variant for t, (variant, low, high) in table.items() if low <= n <= high}
        rows = []
        for title in list(lists)[: 1 if arguments.quick else None]:
            losses = []
            for seed in range(n_seeds):
                train, test = split(lists[title], n, seed)
                if arguments.share:
                    losses.append(losses_by_share(train, test, seed))
                else:
                    losses.append([loss(v, train, test, seed) for v in variants.values()])
            rows.append(np.mean(losses, axis=0))
            print(f"{n:,d} {title}: {np.round(rows[-1], 4).tolist()}", file=sys.stderr, flush=True)
        losses = np.array([row for row in rows if np.isfinite(row).all()])
        if arguments.share:
            titles, changes = (
                [f"weight {share}" for share in SHARES],
                losses[:, :-1] - losses[:, -1:],
            )
        else:
            titles, changes = list(variants)[1:], losses[:, 1:] - losses[:, :1]
        default = losses[:, -1 if arguments.share else 0].mean()
        print(f"\n{n:,d} names, {len(losses)} lists: {default:.4f} nats/char by default")
        for title, change in zip(titles, changes.T, strict=True):
            error = change.std(ddof=1) / len(change) ** 0.5 if len(change) > 1 else np.nan
            print(f"  {title:28s} {change.mean():+.4f} ± {error:.4f}", flush=True)


if __name__ == "__main__":
    main()
