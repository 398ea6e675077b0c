"""Generate names made of words that belong together.

This example generates names of beers, taverns, ships, board games and perfumes. All words come from
the list of names, or are English words with a similar meaning. The last names begin with the same
letter in each word.

    python examples/names_of_words.py
"""

# %%
import argparse

import numpy as np

from sknamegen import CharLSTMGenerator, words_like
from sknamegen.datasets import words_of

LISTS = {
    "beers": """Harbour Lantern Porter, Old Mill Bitter, Golden Thistle Ale, Midnight Raven Stout,
        Copper Fox Lager, Winter Hearth Ale, Black Anchor Porter, Smoky Barn Saison, Amber Field
        Ale, River Stone Pilsner, Wild Orchard Cider, Iron Bridge Stout, Northern Gale Lager, Silver
        Pine Pilsner, Lucky Hound Bitter, Blind Owl Stout, Cherry Dusk Lambic, Red Kettle Ale""",
    "taverns": """The Gilded Badger, The Drunken Monk, The Three Lanterns, The Wandering Goose, The
        Black Kettle, The Laughing Griffin, The Crooked Stair, The Salted Hog, The Silver Thimble,
        The Sleeping Giant, The Broken Oar, The Blind Mule, The Red Barrel, The Whistling Pig, The
        Last Candle, The Green Dragonfly, The Weary Pilgrim, The Cracked Bell""",
    "ships": """Morning Star, Iron Duke, Sea Serpent, Lady of the Isles, Northern Light, Grey Gull,
        Queen Matilda, Storm Petrel, Restless Wind, Black Swan, Merry Widow, Coral Princess, Silver
        Wave, Southern Cross, Flying Heron, Good Intent, Brave Hunter, Distant Shore""",
    "board games": """Castles of Ash, Trade Winds, Harvest Moon, The Clockwork Heist, Lost Caravan,
        Settlers of the Delta, Rails and Rivers, Mad Merchants, Dice Dungeon, Empire Builders, Spice
        Road, Secrets of the Abbey, Bandit Valley, Tiny Kingdoms, Ghost Train, Islands of Tin,
        Pirate Auction, Market Day, Night Watch, Circus Wagon""",
    "perfumes": """Midnight Fig, Velvet Amber, Salt on Skin, White Tea Garden, Burnt Sugar, Wild
        Iris, Rain over Cedar, Smoke and Honey, Silk Orchid, Ocean Linen, Golden Hour, Bitter
        Orange, Desert Bloom, Silent Musk, Paper Lantern, Winter Plum, Blue Jasmine, Warm Sand""",
}
SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="smoke test with two lists")
arguments = parser.parse_args()

# %%
for kind in [*LISTS][: 2 if arguments.quick else None]:
    names = " ".join(LISTS[kind].split()).split(", ")
    words = words_like(names)
    generator = CharLSTMGenerator(random_state=SEED).fit(names)
    print(f"{kind}: {', '.join(generator.invent(6, random_state=SEED))}")
    new = words[len(words_of(names)) :]
    print(f"  {len(new):,} words that the list does not contain: {', '.join(new[:9])}, ...")

# %%
# Draw a letter first, by the number of words, and allow only words that begin with it.
rng = np.random.default_rng(SEED)
letters = rng.choice([word[0] for word in words if len(word) > 2], size=6)
samples = []
for letter in letters:
    options = {"words": [word for word in words if word[0] == letter], "exclude": samples}
    name = generator.sample("", 0.7, min_words=2, max_words=2, random_state=rng, **options)
    samples.append(name)
print(f"{kind} with alliteration: {', '.join(samples)}")
