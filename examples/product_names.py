"""Make up names for products, from Latin and Greek words or from a list of your own.

What is learned here: nothing ties the generators to names of people. Weights say which words
matter, labels where they come from, constraints what a name must be like. Without more the most
probable names would be words and first names that everybody knows ("Village", "Nicola"), so
``exclude=known_names()`` leaves out what exists. Of the others the most probable ones are taken
that are unlike each other and unlike the list.

    pip install -e '.[metrics]' && python examples/product_names.py [FILE]

FILE holds names of your own, one a line; some sixty are enough, as what they are learned with knows
brands, towns and words already. Whether a name is still free, only a search of the trademarks can
tell.
"""

# %%
import argparse
import sys
from importlib.util import find_spec

import numpy as np

from sknamegen import (
    CharLSTMGenerator,
    CharNGramGenerator,
    CharSequenceVectorizer,
    read_names,
)
from sknamegen.datasets import known_names
from sknamegen.metrics import expected_novelty, far_apart, novelty, uniqueness

if find_spec("rapidfuzz") is None:
    sys.exit("This needs rapidfuzz. In a clone of sknamegen: pip install -e '.[metrics]'")

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("file", nargs="?", help="a list of your own, one name a line")
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names are drawn")
arguments = parser.parse_args()
n_drawn = 100 if arguments.quick else 500

# %%
# The list: words of Latin and Greek, some of them bent a little.
LATIN = """
    aerea alba altana ambra amica ampla anima ardora arbora argenta arida astra aurata aurora avena
    avis bella borea brevis calida candor canta carina celera cera cinera clara claria colora corona
    corvina cursa decora domina dulcis durata esta exala fabula favilla favona felis fervor fidela
    flamma flora fluvia folia fontana forma fortuna fulgor galea gemma genera gladia gloria grata
    gusta hedera humana ignis imago insula iris itera juvena lacuna lamina lanata larix lauda
    lavanda lenta levis libera lilia limen linea litora lucida lumen luna magna malva manera marina
    maxima medula mella memora mensa mica mira modula montana mora motiva munda nativa navita nebula
    nexa nidus nimba nitida nivea nobila nota nova nubila numera nutria oliva omnia opala optima
    orbita origo ostia ovala palma parva patina penna perla petra pinna placida plena pluma populus
    porta prima prisma pulsa pura quanta quieta radia ramosa regalis remora renova riva robora rosa
    rota rubra salix salva sanora sapora saxa scala scintilla semita senda serena silva simila
    solara solida sonora spica spira stella suava summa tabula talea tempora tenera terra tessera
    tilia tona tremor trina tula umbra unda unica urbana valida valora vela velora vena verba
    verbena verita viatora vigora vinea viola virida vista vita vitra viva volanta volata zona
""".split()  # noqa: SIM905
GREEK = """
    aether akmea anemos arche arete asteria atoma biora chora chroma chrona delphis dynamo eidos
    eirene eona ergona ethos galene gnosia halos harmonia helia hydra hygia ideon kaira kalos
    kinesis kleos kosma kyklos lexis logia lyra melos metra mnema morpha nautis neora noema oikos
    onyra opsis orea orthos pallas panthea philia phona physis pneuma polis pyra rhea rhythma selene
    sigma sophia sphaera symbola syntha techna telos thalassa thema theora topos tropa xenia zephyra
    zoe
""".split()  # noqa: SIM905

# %%
# Words of at most six letters count twice. A list of your own is left to the default.
vectorizer = CharSequenceVectorizer(window_length=8)
if arguments.file:
    words = read_names(arguments.file)
    if not all(word.isascii() for word in words):
        sys.exit("Write FILE in the letters a to z: what is easy to say is told by them.")
    windows = vectorizer.fit_transform(words)
    generator = CharLSTMGenerator(random_state=SEED).fit(windows)
else:
    words = [word.capitalize() for word in LATIN + GREEK]
    labels = ["Latin"] * len(LATIN) + ["Greek"] * len(GREEK)
    weights = np.where(np.array([len(word) for word in words]) <= 6, 2, 1)
    windows = vectorizer.fit_transform(words)
    generator = CharNGramGenerator(order=4).fit(windows, labels, sample_weight=weights)
print(f"{len(words)} words, for example {', '.join(words[:: len(words) // 6 or 1][:7])}")

# %%
# Easy to say: consonants in ones and twos, and a vowel between them; in Latin letters.
SAYABLE = "([AEIOUY]|[A-Z][hlr]?[aeiouy])([^aeiouyA-Z]{1,2}[aeiouy])+"
if not any(word[0].isupper() for word in words):
    SAYABLE = "([aeiouy]|[a-z][hlr]?[aeiouy])([^aeiouyA-Z]{1,2}[aeiouy])+"
OPTIONS = {
    "temperature": 0.7,
    "pattern": SAYABLE + "[lnrsx]?",
    "banned": ["ass", "anus"],
    "min_length": 5,
    "max_length": 8,
    "exclude": known_names(),
}


def shortlist(n, random_state, **constraints):
    """Return n names with their log-likelihoods per character."""
    drawn = generator.sample(
        n_samples=n_drawn,
        novel=True,
        unique=True,
        on_shortfall="warn",
        random_state=random_state,
        **OPTIONS | constraints,
    )
    scores = generator.score_samples(vectorizer.transform(drawn))
    scores /= [len(name) + 1 for name in drawn]
    ranked = {drawn[i]: scores[i] for i in np.argsort(-scores)}
    return [f"{name} {ranked[name]:.1f}" for name in far_apart(ranked, n, 3, away_from=words)]


# %%
# Each with its log-likelihood, in nats per character.
constraints = {
    "of any kind": {},
    "of five letters": {"max_length": 5, "temperature": 1.2},
    "for software": {"pattern": SAYABLE + "[sx]"},
}
if not arguments.file:
    constraints |= {
        "Latin": {"label": "Latin"},
        "Greek": {"label": "Greek"},
        "for a lamp": {"seed": "Lu"},
        "for a garden": {"seed": "Fl"},
    }
for i, (title, constraint) in enumerate(constraints.items()):
    print(f"{title + ':':16} {'  '.join(shortlist(7, SEED + i, **constraint))}")

# %%
# Fifty candidates to choose from, any two of them three letters apart at least.
candidates = [each.split()[0] for each in shortlist(50, SEED)]
for row in range(0, len(candidates), 10):
    print(" ".join(f"{name:8}" for name in candidates[row : row + 10]).rstrip())

# %%
# And how new is what it writes when nothing is asked of it?
written = generator.sample(n_samples=1000, random_state=SEED)
expected = expected_novelty(generator, vectorizer.transform(words))
print(
    f"Of 1,000 words drawn freely, {novelty(written, words):.0%} are novel ({expected:.0%} "
    f"expected), {uniqueness(written):.0%} unique"
)
