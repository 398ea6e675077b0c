"""Generate names of several words that are real words.

This example trains on thirty names of ships, paints and bands each. It compares names of any words
with names of English words and the words of the list, and plots how many words are real. It then
bans a list of strings, such as a list of offensive words, and reports how many names that costs.

    pip install -e '.[plot]' && python examples/names_of_words.py [FILE] [--banned-file FILE]

FILE contains your own names, one per line. ``--banned-file`` is a file of strings, one per line.
"""

# %%
import argparse
import sys
from importlib.util import find_spec
from time import process_time

import numpy as np

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, read_names
from sknamegen.datasets import known_names, load_words, words_of

if find_spec("matplotlib") is None:
    sys.exit("This example requires matplotlib. In a clone of sknamegen: pip install -e '.[plot]'")

import matplotlib.pyplot as plt

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("file", nargs="?", help="text file with one name per line")
parser.add_argument("--banned-file", metavar="FILE", help="text file with one string per line")
parser.add_argument("--quick", action="store_true", help="smoke test with fewer names")
arguments = parser.parse_args()
n_names = 30 if arguments.quick else 300

# %%
# Invented names
SHIPS = """
Morning Tide, Iron Gull, Lady Marigold, Swift Current, Northern Lass, Grey Heron, Pride of the
Harbour, Silent Wake, Red Corsair, Star of Winter, Old Faithful, Sea Thistle, Brave Venture, Misty
Dawn, The Lonely Whale, Salt and Thunder, Queen of Storms, Drifting Ember, Blue Horizon, Fair
Isabel, Storm Petrel, Merchant's Luck, Last Lantern, White Dolphin, Golden Anchor, Wandering
Albatross, Night Heron, Second Chance, Emerald Wave, The Patient Widow
"""
PAINTS = """
Dusty Rose, Sea Glass, Burnt Honey, Quiet Moss, Winter Linen, Old Copper, Plum Shadow, Lemon
Chiffon, Storm Cloud, Warm Sand, Pale Mint, Midnight Plum, Forest Floor, Peach Whisper, Iron Ore,
Misty Lilac, Golden Straw, River Clay, Soft Charcoal, Candle Glow, Wild Sage, Frosted Pear, Deep
Lagoon, Rustic Brick, Morning Fog, Velvet Berry, Ivory Lace, Smoked Pearl, Spring Fern, Cocoa Dust
"""
BANDS = """
Iron Serpent, Ashen Throne, Crimson Hammer, Nightfall Order, Burning Prophet, Grave Procession,
Winter Wolves, Black Cathedral, Savage Storm, Hollow Crown, Frozen Altar, Skull Parade, Raven
Choir, Steel Covenant, Plague Bearer, Silent Temple, Wrath of Stone, Dark Harvest, Thunder Blade,
Fallen Star, Doom Chariot, Blood Eclipse, Death Valley, Broken Chains, Shadow Legion, Sinister
Veil, Bone Orchard, Dead Horizon, Warhound, Cinder Gate
"""
texts = {"ships": SHIPS, "paints": PAINTS, "bands": BANDS}
titles = ["paints"] if arguments.quick else [*texts]
lists = {title: texts[title].replace("\n", " ").strip().split(", ") for title in titles}
if arguments.file:
    lists = {arguments.file: read_names(arguments.file)}

# %%
# For each temperature, the share of real words without and with `words`, and of words in the list.
TEMPERATURES = (0.3, 0.7, 1.1) if arguments.quick else (0.2, 0.35, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2)


def share(names, words):
    """Return the share of words that are in a set. An apostrophe may separate words."""
    found = [
        word in words or words.issuperset(word.split("'"))
        for name in names
        for word in sorted(words_of([name]))
    ]
    return np.mean(found) if found else np.nan


generators, shares = {}, {}
for title, names in lists.items():
    generator = CharLSTMGenerator(random_state=0)
    generator.fit(CharSequenceVectorizer().fit_transform(names))
    own, words = words_of(names), load_words() | words_of(names)
    generators[title] = generator, words
    shares[title] = []
    for temperature in TEMPERATURES:
        sample = {"temperature": temperature, "n_samples": n_names, "random_state": 0}
        free, real = generator.sample(**sample), generator.sample(words=words, **sample)
        shares[title].append([share(free, words), share(real, words), share(real, own)])
    new = {"unique": True, "novel": True, "exclude": known_names(), "random_state": 0}
    print(f"{title}: any words | real words")
    print("   ", ", ".join(generator.sample("", 0.7, 8, **new)))
    print("   ", ", ".join(generator.sample("", 0.7, 8, words=words, **new)))

print("share of real words without and with words=, of words of the list with words=")
for title, rows in shares.items():
    for temperature, (free, real, in_list) in zip(TEMPERATURES, rows, strict=True):
        print(f"{title:10} temperature {temperature:4}: {free:5.0%} {real:5.0%} {in_list:5.0%}")

# %%
# Ban strings. Without FILE, a few words stand for a list of offensive words.
banned = ["hell", "die", "ass", "dead", "rage"]
banned = read_names(arguments.banned_file) if arguments.banned_file else banned
many = sorted(load_words())[25::50]
for title, (generator, words) in generators.items():
    options = {"temperature": 0.7, "n_samples": n_names, "random_state": 0, "words": words}
    names = generator.sample(**options)
    n_banned = sum(any(text in name.lower() for text in banned) for name in names)
    print(
        f"{title}: {n_banned / n_names:.1%} of names contain one of {len(banned)} strings. ", end=""
    )
    for strings in ((), banned, many):
        generator.sample(**options, banned=strings)  # prepares the constraint
        start = process_time()
        generator.sample(**options, banned=strings)
        seconds = process_time() - start
        print(f"{len(strings)} strings: {seconds:.2f} s for {n_names} names", end=" ")
    print()

# %%
# The plot
fig, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained"
)
for color, (title, rows) in enumerate(shares.items()):
    free, real, in_list = 100 * np.array(rows).T
    left.plot(TEMPERATURES, free, "o--", color=f"C{color}", label=f"{title}, any words")
    right.plot(TEMPERATURES, in_list, "o-", color=f"C{color}", label=title)
left.plot(TEMPERATURES, real, "k-", label="all lists, words=…")
left.set(xlabel="temperature", ylabel="% of words", title="Real words", ylim=(0, 105))
right.set(xlabel="temperature", title="Words of the list, with words=…")
left.legend()
right.legend()
fig.savefig("names_of_words.png", dpi=120)
