"""Make up names for products, from Latin and Greek words.

What is learned here: nothing ties the generators to names of people. A few hundred words are
enough for counting; weights say which of them matter, labels where they come from, constraints
what a name must be like. Many names are drawn, those that are nearly a word of the list are left
out, and the score puts the ones that sound most like the list first.

    pip install -e '.[metrics]' && python examples/product_names.py

Whether a name is still free, only a search of the trademarks can tell.
"""

# %%
import argparse
import sys
from importlib.util import find_spec

import numpy as np

from sknamegen import CharNGramGenerator, CharSequenceVectorizer
from sknamegen.metrics import expected_novelty, nearest_training_name, novelty, uniqueness

if find_spec("rapidfuzz") is None:
    sys.exit("This needs rapidfuzz. In a clone of sknamegen: pip install -e '.[metrics]'")

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names are drawn")
n_drawn = 30 if parser.parse_args().quick else 300

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
words = [word.capitalize() for word in LATIN + GREEK]
labels = ["Latin"] * len(LATIN) + ["Greek"] * len(GREEK)
print(f"{len(words)} words, for example {', '.join(words[::40])}")

# %%
# Words of at most six letters count twice.
weights = np.where(np.array([len(word) for word in words]) <= 6, 2, 1)
vectorizer = CharSequenceVectorizer(window_length=8)
windows = vectorizer.fit_transform(words)
generator = CharNGramGenerator(order=4).fit(windows, labels, sample_weight=weights)

# %%
# Easy to say: consonants in ones and twos, and a vowel between them.
SAYABLE = "([AEIOUY]|[A-Z][hlr]?[aeiouy])([^aeiouyA-Z]{1,2}[aeiouy])+"
OPTIONS = {
    "temperature": 0.9,
    "pattern": SAYABLE + "[lnrsx]?",
    "banned": ["ass", "anus"],
    "min_length": 5,
    "max_length": 8,
}


def shortlist(n, random_state, **constraints):
    """Return the n names of the best score, two letters or more from any word of the list."""
    drawn = generator.sample(
        n_samples=n_drawn,
        novel=True,
        unique=True,
        on_shortfall="warn",
        random_state=random_state,
        **OPTIONS | constraints,
    )
    _, distances = nearest_training_name(drawn, words)
    drawn = [name for name, distance in zip(drawn, distances, strict=True) if distance > 1]
    log_likelihood = generator.score_samples(vectorizer.transform(drawn))
    scores = {name: s / (len(name) + 1) for name, s in zip(drawn, log_likelihood, strict=True)}
    best = {}  # one of each ending
    for name in sorted(scores, key=scores.get, reverse=True):
        best.setdefault(name[-3:], f"{name} {scores[name]:.2f}")
    return "  ".join(list(best.values())[:n])


# %%
# Each with the score in nats per character: the higher, the more it sounds like the list.
constraints = {
    "of any kind": {},
    "Latin": {"label": "Latin"},
    "Greek": {"label": "Greek"},
    "of five letters": {"max_length": 5},
    "for a lamp": {"seed": "Lu"},
    "for a garden": {"seed": "Fl"},
    "for software": {"pattern": SAYABLE + "[sx]"},
}
for i, (title, constraint) in enumerate(constraints.items()):
    print(f"{title + ':':16} {shortlist(7, SEED + i, **constraint)}")

# %%
# And how new is what it writes when nothing is asked of it?
written = generator.sample(n_samples=1000, random_state=SEED)
expected = expected_novelty(generator, windows)
print(
    f"Of 1,000 words drawn freely, {novelty(written, words):.0%} are novel ({expected:.0%} "
    f"expected), {uniqueness(written):.0%} unique"
)
