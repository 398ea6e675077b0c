"""Find a name on one's own terms: for a girl or a boy, new, of a length, to a pattern.

What is learned here: names with labels are learned in one model, which then writes names for
a label, tells the label of a name, and finds the most probable names that nobody has yet.

    pip install -e '.[metrics]' && python examples/baby_names.py
"""

# %%
import argparse
import sys
from importlib.util import find_spec

from sklearn.pipeline import Pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer, load_names
from sknamegen.metrics import constraint_probability, nearest_training_name, temperature_for

if find_spec("rapidfuzz") is None:
    sys.exit("This needs rapidfuzz. In a clone of sknamegen: pip install -e '.[metrics]'")

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names and epochs")
arguments = parser.parse_args()

# %%
# Names with labels. A name in both lists stands twice, once with each label.
names, labels = load_names(return_X_y=True)
if arguments.quick:
    names, labels = names[::10], labels[::10]
lstm = CharLSTMGenerator(max_epochs=2 if arguments.quick else "auto", random_state=SEED)
pipe = Pipeline([("windows", CharSequenceVectorizer()), ("lstm", lstm)]).fit(names, labels)
generator = pipe[-1]
print(f"{len(names)} names to learn from")

# %%
# New names for each label, no two alike.
for i, label in enumerate(generator.classes_):
    new = generator.sample(
        temperature=0.8, n_samples=8, label=label, novel=True, unique=True, random_state=SEED + i
    )
    print(f"\nNew, {label}: {'  '.join(new)}")
    nearest, distances = nearest_training_name(new, names)
    pairs = [f"{a} ~ {b}" for a, b, d in zip(new, nearest, distances, strict=True) if d == 1]
    print(f"  one letter from a known name: {'  '.join(pairs)}")

# %%
# To measure: a length, a pattern, letters that must not occur.
constraints = {
    "four to six letters": {"min_length": 4, "max_length": 6},
    "L…a or M…e": {"pattern": "L.*a|M.*e"},
    "without r and th": {"banned": ["r", "th"]},
    "double letters": {"pattern": r".*(aa|ee|ll|nn|rr|ss|tt).*"},
}
for i, (title, constraint) in enumerate(constraints.items()):
    options = {"temperature": 0.7, "label": "female"} | constraint
    written = generator.sample(n_samples=6, random_state=SEED + i, **options)
    share, _ = constraint_probability(generator, random_state=SEED, **options)
    print(f"\n{title}: {'  '.join(written)}")
    print(f"  {share:.1%} of the names are like that by themselves")

# %%
# Three in four novel: the temperature for that is found from the probabilities, not by trial.
novelty = 0.99 if arguments.quick else 0.75  # few names leave nearly everything novel
temperature = temperature_for(generator, pipe[0].transform(names), novelty=novelty)
written = generator.sample(temperature=temperature, n_samples=400, random_state=SEED)
share = sum(name not in names for name in written) / len(written)
print(f"\nAt temperature {temperature:.2f}, {share:.0%} of 400 names are novel")

# %%
# The most probable names that are not in the list.
for label in generator.classes_:
    found, log_likelihood = generator.most_likely(6, label=label, novel=True, pattern=".{4,}")
    print(f"\nMost likely new, {label}: {'  '.join(found)}  ({log_likelihood[0]:.1f} nats)")

# %%
# What a name sounds like.
for name in ("Noelani", "Brock", "Robin"):
    proba = dict(zip(generator.classes_, pipe.predict_proba([name])[0], strict=True))
    print(f"{name}: {', '.join(f'{label} {p:.0%}' for label, p in proba.items())}")
