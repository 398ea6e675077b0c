"""Give Faker a provider of people who do not exist, with names like those of a country.

What is learned here: a generator learns the names that Faker has for a locale, and a provider
makes them part of Faker. The names do not run out, none of them is a name that exists as far as
`known_names` knows, and Faker's seed decides them like everything else.

    pip install -e '.[base]' && python examples/faker_provider.py [--locale nl_NL]
"""

# %%
import argparse
import sys
from importlib import import_module
from time import perf_counter

from sklearn.pipeline import make_pipeline

from sknamegen import CharLSTMGenerator, CharSequenceVectorizer
from sknamegen.datasets import known_names
from sknamegen.metrics import novelty, uniqueness

try:
    from faker import Faker
    from faker.providers import BaseProvider
except ImportError:
    sys.exit("This needs faker. In a clone of sknamegen: pip install -e '.[base]'")

SEED = 0
parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--locale", default="it_IT", help="one that Faker has lists of names for")
parser.add_argument("--quick", action="store_true", help="a smoke run: fewer names and epochs")
arguments = parser.parse_args()

# %%
# Faker's own names, each with its kind as a label.
person = import_module(f"faker.providers.person.{arguments.locale}").Provider
known = {
    "female": list(dict.fromkeys(person.first_names_female)),
    "male": list(dict.fromkeys(person.first_names_male)),
    "last": list(dict.fromkeys(person.last_names)),
}
if arguments.quick:
    known = {kind: names[::5] for kind, names in known.items()}
names = [name for kind in known for name in known[kind]]
kinds = [kind for kind in known for _ in known[kind]]
start = perf_counter()
lstm = CharLSTMGenerator(max_epochs=1 if arguments.quick else "auto", random_state=SEED)
model = make_pipeline(CharSequenceVectorizer(), lstm).fit(names, kinds)[-1]
print(f"Learned {len(names):,} names of {arguments.locale} in {perf_counter() - start:.1f} s")


# %%
# The provider. Faker's random numbers seed the model's, so that `Faker.seed` decides both.
class InventedPersonProvider(BaseProvider):
    """Names that a model has made up."""

    def invented_names(self, n, kind):
        """Return n different names that do not exist."""
        return model.sample(
            temperature=0.6,
            n_samples=n,
            label=kind,
            min_length=3,
            pattern="[A-Z].*",
            novel=True,
            exclude=known_names(),
            unique=True,
            random_state=self.generator.random.getrandbits(32),
        )

    def invented_person(self):
        """Return a first name and a surname."""
        kinds = self.random_element(["female", "male"]), "last"
        return " ".join(self.invented_names(1, kind)[0] for kind in kinds)


fake = Faker(arguments.locale)
fake.add_provider(InventedPersonProvider)


# %%
# Beside Faker's other providers.
def people(n):
    """Return rows of a table."""
    names = [fake.invented_person() for _ in range(n)]
    emails = [f"{name.lower().replace(' ', '.')}@{fake.safe_domain_name()}" for name in names]
    return [(name, email, fake.phone_number()) for name, email in zip(names, emails, strict=True)]


Faker.seed(SEED)
rows = people(8)
for row in rows:
    print("  {:20} {:33} {}".format(*row))
Faker.seed(SEED)
print(f"The same again with the same seed: {people(8) == rows}")

# %%
# Where each name may stand once, a list of names soon ends.
n = 100 if arguments.quick else 2000
own = [fake.last_name() for _ in range(n)]
invented = fake.invented_names(n, "last")
print(f"{n:,} surnames       unique  novel")
for title, surnames in {"Faker's own": own, "invented": invented}.items():
    shares = uniqueness(surnames), novelty(surnames, person.last_names)
    print("{:18} {:6.0%} {:6.0%}".format(title, *shares))
