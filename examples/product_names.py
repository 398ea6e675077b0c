"""Generate product names.

This example shows how to generate names other than personal names, from Latin and Greek words or
from your own list. Weights set the importance of words, labels specify their language, and
constraints shape the generated names. The most probable names would be familiar words and first
names ("Village", "Nicola"), so ``exclude=known_names()`` excludes known names. `far_apart` then
selects probable names that differ from each other and from the list.

    pip install -e '.[metrics]' && python examples/product_names.py [FILE]

FILE contains your own names, one per line. About sixty names are enough, because training starts
from a network that was trained on brands, towns and words. Only a trademark search can show whether
a name is available.
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
from sknamegen.metrics import far_apart, novelty, uniqueness

if find_spec("rapidfuzz") is None:
    sys.exit(
        "This example requires rapidfuzz. In a clone of sknamegen: pip install -e '.[metrics]'"
    )

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("file", nargs="?", help="text file with one name per line")
parser.add_argument("--quick", action="store_true", help="smoke test with fewer samples")
arguments = parser.parse_args()
n_candidates = 100 if arguments.quick else 500

# %%
# The default list: Latin and Greek words, some slightly modified.
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
# Words of at most six letters have twice the weight. For FILE, train an LSTM with default settings.
vectorizer = CharSequenceVectorizer(window_length=8)
if arguments.file:
    words = read_names(arguments.file)
    if not all(word.isascii() for word in words):
        sys.exit("FILE contains non-ASCII names. The pattern supports only the letters A to Z.")
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
# Pattern for pronounceable names: one or two consonants between single vowels.
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
    """Return n names, each with its log-likelihood per character."""
    samples = generator.sample(
        n_samples=n_candidates,
        novel=True,
        unique=True,
        on_shortfall="warn",
        random_state=random_state,
        **OPTIONS | constraints,
    )
    scores = generator.score_samples(vectorizer.transform(samples))
    scores /= [len(name) + 1 for name in samples]
    ranked = {samples[i]: scores[i] for i in np.argsort(-scores)}
    return [f"{name} {ranked[name]:.1f}" for name in far_apart(ranked, n, 3, away_from=words)]


# %%
# Print a shortlist for each constraint, with log-likelihoods in nats per character.
constraints = {
    "no constraint": {},
    "five letters": {"max_length": 5, "temperature": 1.2},
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
# Print fifty candidates with pairwise edit distances of at least three.
candidates = [entry.split()[0] for entry in shortlist(50, SEED)]
for row in range(0, len(candidates), 10):
    print(" ".join(f"{name:8}" for name in candidates[row : row + 10]).rstrip())

# %%
# Measure the novelty of unconstrained samples.
samples = generator.sample(n_samples=1000, random_state=SEED)
print(
    f"Of 1,000 unconstrained samples, {novelty(samples, words):.0%} are novel, "
    f"{uniqueness(samples):.0%} unique"
)
