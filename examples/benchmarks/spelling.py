"""Are names spelled as their script and their label allow?

    python examples/benchmarks/spelling.py [--quick]

First the share of names that break a rule of their script, of 2,000 at temperature 1 from short
lists: stations in hiragana (small kana after the syllables that they can follow, not at the
beginning, where ん is not either), names in Devanagari (vowel signs and viramas after consonants
only), and names in Arabic letters (no letter that the list has not, ة and ى at the end of words).
The rules were written down here, independently of the package.

Then letters that a label's names never hold: the share of names of a label that have one, of 1,000
written and of names held out, with 30 or 200 names for each label; beside it the held-out loss
given the label, and how many labels are told from names. Languages are surnames of the package
Faker in Latin letters; letters of Chinese, Japanese and Korean are names of languages in the
Unicode CLDR (of the package Babel). It needs both: pip install '.[bench]'
"""

import re
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np
from _common import parse_arguments, print_machine
from babel import Locale
from sklearn.pipeline import make_pipeline

sys.path.insert(0, str(Path(__file__).parents[1]))
from make_base import faker_lists

from sknamegen import CharLSTMGenerator, CharNGramGenerator, CharSequenceVectorizer
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
N_WRITTEN, N_OF_LABEL, MOST_HELD_OUT = 2000, 1000, 200
MODELS = {
    "counting": CharNGramGenerator,
    "LSTM": lambda: CharLSTMGenerator(random_state=0),
}


def of_script(names, script):
    """Return the names whose letters are all of a script."""
    return [
        name
        for name in names
        if all(script in unicodedata.name(c, "") or c in " -'’" for c in name)
    ]


def shuffled(names):
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
    print("| list | counting | LSTM |\n|---|---|---|")
    for title, (names, is_right) in lists.items():
        shares = []
        for make in MODELS.values():
            pipe = make_pipeline(CharSequenceVectorizer(), make()).fit(names)
            written = pipe[-1].sample(n_samples=N_WRITTEN, random_state=0)
            shares.append(np.mean([not is_right(name) for name in written]))
        print(f"| {title} | {shares[0]:.1%} | {shares[1]:.1%} |", flush=True)


def print_labels(title, lists, n, make):
    """Print how often names of a label hold letters that are new to it."""
    learned = {label: names[:n] for label, names in lists.items()}
    held_out = {label: names[n:][:MOST_HELD_OUT] for label, names in lists.items()}
    names, labels = zip(*((x, label) for label in lists for x in learned[label]), strict=True)
    others, of_others = zip(*((x, label) for label in lists for x in held_out[label]), strict=True)
    pipe = make_pipeline(CharSequenceVectorizer(), make()).fit(names, labels)
    shares = []
    for label in lists:
        written = pipe[-1].sample(n_samples=N_OF_LABEL, label=label, random_state=0)
        known = set("".join(learned[label]))
        new = [
            np.mean([not known.issuperset(name) for name in some])
            for some in (written, held_out[label])
        ]
        shares.append("{:.0%} ({:.0%})".format(*new))
    right = np.mean(pipe.predict(others) == of_others)
    loss = -pipe.score(others, of_others)
    print(f"| {title} | {n} | {loss:.3f} | {right:.1%} | {', '.join(shares)} |", flush=True)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0], takes_names=False)
    print_machine("babel")
    warnings.simplefilter("ignore", NamesWarning)
    faker = faker_lists()
    if arguments.quick:
        MODELS["LSTM"] = lambda: CharLSTMGenerator(max_epochs=2, random_state=0)
    print_scripts(faker)
    languages = {title: shuffled(of_script(faker[title], "LATIN")) for title in LATIN}
    east = {code: shuffled(Locale(code).languages.values()) for code in ("zh", "ja", "ko")}
    print("\n| labels | names of each | loss | told | new letters: written (held out) |")
    print("|---|---|---|---|---|")
    for n in (30,) if arguments.quick else (30, 200):
        for model, make in MODELS.items():
            print_labels(f"five languages, {model}", languages, n, make)
            print_labels(f"Chinese, Japanese, Korean letters, {model}", east, n, make)


if __name__ == "__main__":
    main()
