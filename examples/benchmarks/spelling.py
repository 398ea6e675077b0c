"""Do names follow the spelling rules of their script and their label?

    python examples/benchmarks/spelling.py [--quick]

The first table shows, for short training lists, the share of 2,000 names at temperature 1 that
break a rule of their script. The rules are independent of the package:

* Hiragana (stations): small kana only follow suitable syllables. Small kana and ん do not start a
  name.
* Devanagari: vowel signs and viramas only follow consonants.
* Arabic: all letters are in the list, and ة and ى only occur at the end of words.

The second table shows the share of 1,000 generated names, and of the held-out names, with a letter
that occurs in no training name with their label. Labels have 30 or 200 training names. It also
shows the held-out loss given the label and the accuracy of predicted labels. The five languages are
surnames in Latin letters from the package Faker. Chinese, Japanese and Korean are language names in
the Unicode CLDR (from the package Babel). The script requires both packages: pip install '.[bench]'
"""

import re
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np
from _common import parse_arguments, print_machine
from babel import Locale
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))
from make_base import faker_lists

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    NameClassifier,
)
from sknamegen.datasets import NamesWarning

STATIONS = (
    "とうきょう かんだ あきはばら おかちまち うえの うぐいすだに にっぽり にしにっぽり たばた "
    "こまごめ すがも おおつか いけぶくろ めじろ たかだのばば しんおおくぼ しんじゅく よよぎ "
    "はらじゅく しぶや えびす めぐろ ごたんだ おおさき"
)
SYLLABLE = "(?:[きしちにひみりぎじぢびぴ][ゃゅょ]|[^んっゃゅょ])"
DOUBLED = "(?:っ(?=[かきくけこさしすせそたちつてとぱぴぷぺぽ]))?"
KANA = re.compile(f"{SYLLABLE}(?:{DOUBLED}{SYLLABLE}|ん)*")
CONSONANT = "[क-ह]\u093c?"
CLUSTER = f"(?:(?:{CONSONANT}\u094d)*{CONSONANT}[\u093e-\u094c]?|[अ-औ])[\u0901-\u0903]?"
HINDI = re.compile(f"(?:(?:{CLUSTER})+(?:{CONSONANT}\u094d)*[ ’-]?)+")
LATIN = "it_IT last", "pl_PL last", "de_DE last", "fi_FI last", "ga_IE last"
N_GENERATED, N_PER_LABEL, MAX_HELD_OUT = 2000, 1000, 200
MODELS = {
    "n-gram": CharNGramGenerator,
    "LSTM": lambda: CharLSTMGenerator(random_state=0),
}


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


def print_scripts(faker):
    """Print the share of names that break a rule of their script."""
    hindi, arabic = shuffled(faker["hi_IN first"])[:30], shuffled(faker["ar_AA first"])[:30]
    surnames, letters = shuffled(faker["hi_IN last"])[:30], set("".join(arabic))

    def is_arabic(name):
        return letters.issuperset(name) and not re.search("[ةى](?! |$)", name)

    lists = {
        "24 stations in hiragana": (STATIONS.split(), KANA.fullmatch),
        "30 Hindi first names": (hindi, HINDI.fullmatch),
        "30 Hindi surnames": (surnames, HINDI.fullmatch),
        "30 Arabic first names": (arabic, is_arabic),
    }
    print("| list | n-gram | LSTM |\n|---|---|---|")
    for title, (names, is_correct) in lists.items():
        shares = []
        for make in MODELS.values():
            pipe = make_pipeline(CharSequenceVectorizer(), make()).fit(names)
            generated = pipe[-1].sample(n_samples=N_GENERATED, random_state=0)
            shares.append(np.mean([not is_correct(name) for name in generated]))
        print(f"| {title} | {shares[0]:.1%} | {shares[1]:.1%} |", flush=True)


def print_labels(title, lists, n, make):
    """Print the share of names with letters that are unseen for their label."""
    train = {label: names[:n] for label, names in lists.items()}
    test = {label: names[n:][:MAX_HELD_OUT] for label, names in lists.items()}
    names, labels = zip(*((x, label) for label in lists for x in train[label]), strict=True)
    test_names, test_labels = zip(
        *((x, label) for label in lists for x in test[label]), strict=True
    )
    pipe = make_pipeline(CharSequenceVectorizer(), make()).fit(names, labels)
    shares = []
    for label in lists:
        generated = pipe[-1].sample(n_samples=N_PER_LABEL, label=label, random_state=0)
        letters = set("".join(train[label]))
        unseen = [
            np.mean([not letters.issuperset(name) for name in sample])
            for sample in (generated, test[label])
        ]
        shares.append("{:.0%} ({:.0%})".format(*unseen))
    accuracy = NameClassifier(FrozenEstimator(pipe)).fit().score(test_names, test_labels)
    loss = -pipe.score(test_names, test_labels)
    print(f"| {title} | {n} | {loss:.3f} | {accuracy:.1%} | {', '.join(shares)} |", flush=True)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine("babel")
    warnings.simplefilter("ignore", NamesWarning)
    faker = faker_lists()
    if arguments.quick:
        MODELS["LSTM"] = lambda: CharLSTMGenerator(max_epochs=2, random_state=0)
    print_scripts(faker)
    languages = {title: shuffled(names_in_script(faker[title], "LATIN")) for title in LATIN}
    east = {code: shuffled(Locale(code).languages.values()) for code in ("zh", "ja", "ko")}
    print("\n| labels | names per label | loss | accuracy | unseen letters: generated (held out) |")
    print("|---|---|---|---|---|")
    for n in (30,) if arguments.quick else (30, 200):
        for model, make in MODELS.items():
            print_labels(f"five languages, {model}", languages, n, make)
            print_labels(f"Chinese, Japanese, Korean letters, {model}", east, n, make)


if __name__ == "__main__":
    main()
