"""What is each rule of training worth? Held-out loss without it, against the default.

    pip install -e '.[bench]'
    python examples/benchmarks/ablation.py
    python examples/benchmarks/ablation.py --share

The lists are names of languages, countries, currencies, scripts and cities in the locales of the
Unicode CLDR (of the package Babel): none of them was read as a list by the base model. ``--share``
measures the weight of the network from the base instead, for any number of names.
"""

import sys
import unicodedata
from collections import defaultdict
from dataclasses import replace
from unittest.mock import patch

import numpy as np
from _common import parse_arguments, print_machine
from babel import Locale, localedata

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
from sknamegen._generator import fitted
from sknamegen._models.mixture import Mixture
from sknamegen._training import fit, plan
from sknamegen._training.pretrained import base_share

LANGUAGES = "de", "fi", "pl", "tr", "hu", "el", "ru", "ar", "hi", "lt", "cy", "sw"
SIZES, SHARE_SIZES = (20, 50, 200, 1000, 5000), (20, 50, 200, 1000, 5000, 12_000, 30_000)
SHARES = 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0
MAX_LENGTH, N_TEST = 24, 500
settings = plan._settings


def from_base(**values):
    """Replace what "auto" stands for in networks that start from the base."""

    def replaced(params, n_names, is_pretrained):
        found = settings(params, n_names, is_pretrained)
        return found | {name: values[name] for name in values if is_pretrained}

    return plan, "_settings", replaced


# What to replace, and by what, or parameters of the generator; and from how many names to how many.
VARIANTS = {
    "default": ({}, 0, 10**6),
    "head as fast as the rest": ((plan, "_HEAD_LR_FACTOR", 1), 0, 10**6),
    "base: ngram_weight=0.5": (from_base(ngram_weight=0.5), 0, 999),
    "base: weight_decay=0.1": (from_base(weight_decay=0.1), 0, 999),
    "base: lr=0.003": (from_base(lr=0.003), 0, 999),
    "base: lr=0.01": (from_base(lr=0.01), 0, 999),
    "batch_size=16": ({"batch_size": 16}, 0, 1000),
    "batch_size=64": ({"batch_size": 64}, 200, 1000),
    "betas of AdamW": ((fit, "_BETAS", (0.9, 0.999)), 0, 10**6),
    "hidden_size=128": ({"hidden_size": 128}, 200, 10**6),
    "hidden_size=240": ({"hidden_size": 240}, 0, 199),
    "dropout=0.35, epochs x 1.4": ({"dropout": 0.35, "max_epochs": 14}, 0, 10**6),
}


def names_of(locale):
    """Return the names that a locale has, by kind."""
    tables = {name: getattr(locale, name) for name in ("languages", "territories", "scripts")}
    tables["currencies"] = locale.currencies
    cities = {key: zone["city"] for key, zone in locale.time_zones.items() if "city" in zone}
    return {
        kind: {name for name in table.values() if 2 < len(name) <= MAX_LENGTH}
        for kind, table in (tables | {"cities": cities}).items()
    }


def lists_of_one_language():
    """Return lists of 250 to 650 names in one language."""
    kinds = {code: names_of(Locale(code)) for code in LANGUAGES}
    lists = {f"languages, {code}": kinds[code]["languages"] for code in LANGUAGES}
    return lists | {f"cities, {code}": kinds[code]["cities"] for code in LANGUAGES[::3]}


def lists_of_many_languages():
    """Return lists of 5,500 and more names in Latin letters, long ones of half the locales."""
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
    """Whether the first letter of a name is Latin."""
    letters = [character for character in name if character.isalpha()]
    return bool(letters) and unicodedata.name(letters[0], "").startswith("LATIN")


def split(names, n, seed):
    """Return windows of n names, and of others."""
    names = sorted(names)
    names = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    n_test = min(N_TEST, len(names) // 4)
    vectorizer = CharSequenceVectorizer()
    return vectorizer.fit_transform(names[n_test:][:n]), vectorizer.transform(names[:n_test])


def loss(variant, train, test, seed):
    """Return the held-out loss of the default with one rule replaced."""
    params = variant if isinstance(variant, dict) else {}
    generator = CharLSTMGenerator(random_state=seed, **params)
    if isinstance(variant, dict):
        return -generator.fit(train).score(test)
    with patch.object(*variant):
        return -generator.fit(train).score(test)


def losses_by_share(train, test, seed):
    """Return the held-out loss for each weight of the network from the base, then by the rule."""
    generator = CharLSTMGenerator(random_state=seed, num_networks=2).fit(train)
    model = fitted(generator).model
    base, other = model.components
    if not generator.init_share_:
        return [np.nan] * (len(SHARES) + 1)
    measured = []
    for share in (*SHARES, base_share(len(train))):
        parts = [base._replace(weight=share), other._replace(weight=1 - share)]
        mixture = Mixture([part for part in parts if part.weight], model.penalty)
        generator._fitted = replace(fitted(generator), model=mixture)
        measured.append(-generator.score(test))
    return measured


def enough(lists, n):
    """Return the lists of which n names can be learned."""
    return {title: sorted(names) for title, names in lists.items() if len(names) * 3 // 4 >= n}


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False, share="fit shares")
    print_machine("babel")
    few, many = lists_of_one_language(), lists_of_many_languages()
    sizes = SHARE_SIZES if arguments.share else SIZES
    n_seeds = 1 if arguments.quick else 3 if arguments.share else 2
    for n in sizes[:1] if arguments.quick else sizes:
        lists = enough(few if n < 500 else many, n)
        variants = {t: variant for t, (variant, low, high) in VARIANTS.items() if low <= n <= high}
        rows = []
        for title in list(lists)[: 1 if arguments.quick else None]:
            found = []
            for seed in range(n_seeds):
                train, test = split(lists[title], n, seed)
                if arguments.share:
                    found.append(losses_by_share(train, test, seed))
                else:
                    found.append([loss(v, train, test, seed) for v in variants.values()])
            rows.append(np.mean(found, axis=0))
            print(f"{n:,d} {title}: {np.round(rows[-1], 4).tolist()}", file=sys.stderr, flush=True)
        losses = np.array([row for row in rows if np.isfinite(row).all()])
        if arguments.share:
            titles, changes = (
                [f"share {share}" for share in SHARES],
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
