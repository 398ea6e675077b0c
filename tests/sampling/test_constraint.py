"""Which names are asked for: automata against `re`, and what can still be finished."""

import itertools
import re
import sys
import time

import numpy as np
import pytest
from conftest import ngram_pipeline, small_pipeline
from hypothesis import given, settings
from hypothesis import strategies as st

from sknamegen import CharSequenceVectorizer, load_names
from sknamegen._alphabet import Alphabet
from sknamegen._models.kneser_ney import KneserNey
from sknamegen._sampling.constraint import Constraint
from sknamegen._sampling.lookahead import Lookahead
from sknamegen._sequences import row_sequences
from sknamegen._validation import check_banned

END = "\3"
ALPHABET = [*"ab", END, *"AB -é"]
TEXTS = ["".join(t) for n in range(5) for t in itertools.product("abAB -é", repeat=n)]
PATTERNS = [
    r"a.*b",
    r"(a|b){2,3}",
    r"(?i)A+b?",
    r"(?i:a)B",
    r"[^a]*",
    r"a$|^b",
    r"^(ab|a)(bab|)?$",
    r"\w+\s\w|\W\S",
    r"(a?){3}b",
    r"(a*)*b",
    r"(a|b)*?é{0}",
    r"x",
    r"",
    r"[a-b-]+",
    r"(?s).|.\D",
    r"(?P<n>ab)+",
    r"(?a:\w+)",
    r"(?u:\w+)(?a:\W?)",
    re.compile(r"(?u:\w+)", re.ASCII),
    r"((a|b)?A{0,2})*",
    r"(a{0,2}|B){2,3}",
    r"a+?b{2,}|(ab+)+",
    r"(?x) a  b # spaces mean nothing",
    re.compile("É.?", re.IGNORECASE),
]


def make(pattern=None, banned=(), min_length=0, max_length=4, letters=ALPHABET):
    compiled = None if pattern is None else re.compile(pattern)
    alphabet = Alphabet(np.array(letters))
    return Constraint(alphabet, compiled, check_banned(banned), min_length, max_length)


@pytest.mark.parametrize("lengths", [(0, 4), (2, 3)])
@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_patterns_are_those_of_re(pattern, lengths):
    constraint = make(pattern, (), *lengths)
    for text in TEXTS:
        matches = re.fullmatch(pattern, text) is not None
        assert constraint.accepts_name(text) == (matches and lengths[0] <= len(text) <= lengths[1])


nodes = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", "é", "-", "A"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(nodes, st.lists(st.text("abAé", min_size=1, max_size=2), max_size=2), st.integers(0, 3))
def test_what_may_follow_is_what_can_be_finished(pattern, banned, min_length):
    constraint = make(pattern, banned, min_length, 3)
    fits = [
        text
        for text in TEXTS
        if min_length <= len(text) <= 3
        and re.fullmatch(pattern, text)
        and not any(string.casefold() in text.casefold() for string in banned)
    ]
    assert [text for text in TEXTS if constraint.accepts_name(text)] == fits
    after = constraint.states_after
    for text in (text for text in TEXTS if len(text) < 3):
        finished = [fit for fit in fits if fit.startswith(text)]
        assert constraint.can_begin(text) == (len(finished) > 0)
        state, length = np.array([constraint.automaton.read(text)]), np.array([len(text)])
        allowed = {
            letter
            for i, letter in enumerate(ALPHABET)
            if constraint.may_follow(length, state, np.array([i]))
        }
        assert allowed == {f[len(text)] if len(f) > len(text) else END for f in finished}
        for i, letter in enumerate(ALPHABET):
            if letter != END:
                assert after[state[0], i] == constraint.automaton.read(text + letter)


@given(st.lists(st.text("abc", min_size=1, max_size=5), max_size=6), st.text("abcAB", max_size=12))
def test_banned_strings_that_overlap(banned, text):
    constraint = make(None, banned, 12, 12, [*"abcAB"])
    held = any(string in text.lower() for string in banned)
    if len(text) == 12:
        assert constraint.can_begin(text) == constraint.accepts_name(text) == (not held)
    elif held:
        assert not constraint.can_begin(text)


def test_a_long_banned_string():
    constraint = make(banned=["ab" * 2000], max_length=5)
    assert constraint.accepts_name("ababa")


def test_banned_strings_in_any_case_and_of_other_lengths():
    alphabet = [*"ßsSxi", "İ"]  # whose lower-case forms have two characters
    constraint = make(None, ["SSx", "i̇"], 3, 3, alphabet)
    accepted = ["".join(t) for t in itertools.product(alphabet, repeat=3)]
    accepted = [text for text in accepted if constraint.accepts_name(text)]
    assert "ßxs" not in accepted
    assert "sSx" not in accepted
    assert "xİs" not in accepted
    assert {"ßss", "xsi", "sxs"} <= set(accepted)


def test_texts_without_an_end_fit_at_their_full_length():
    constraint = make("(ab)*", letters=[*"ab"])
    assert constraint.accepts_name("abab")
    assert not constraint.accepts_name("ab")
    state, length = np.array([constraint.automaton.read("ab")] * 2), np.array([2, 2])
    assert constraint.may_follow(length, state, np.array([0, 1])).tolist() == [True, False]
    assert not make("(ab)*", letters=[*"ab"], max_length=3).can_begin("")


def test_the_parser_was_tried_on_this_python():
    """`re._parser` is private: run these tests on a new Python, then add it here."""
    assert sys.version_info[:2] in {(3, 11), (3, 12), (3, 13)}


@pytest.mark.parametrize(
    "pattern", ["(.*a){20}b", "(a*)*(a*)*b", "(a|aa|a.)*b" * 5, ".*a.{8}", ".{0,900}"]
)
def test_no_pattern_blows_up(generator, pattern):
    started = time.process_time()
    written = generator.sample(n_samples=200, pattern=pattern, max_length=30, random_state=0)
    assert time.process_time() - started < 60
    if "*)*" not in pattern:  # at which re itself never ends
        assert all(re.fullmatch(pattern, name) for name in written[:20])


@pytest.mark.parametrize("pattern", [".*a.{25}", ".*(a.{18}|e.{19}|i.{17})"])
def test_patterns_of_too_many_states_are_refused_at_once(generator, pattern):
    with pytest.raises(ValueError, match=r"be simpler: together they need too large"):
        generator.sample(n_samples=200, pattern=pattern, max_length=60)


def test_one_of_thousands_of_names_is_a_pattern(generator):
    allowed = set(load_names("female"))
    written = generator.sample(n_samples=300, pattern="|".join(allowed), random_state=0)
    assert set(written) <= allowed
    assert len(set(written)) > 30


def test_thousands_of_optional_characters_are_a_pattern():
    constraint = make("[ab]?" * 1900 + "A?" * 100)
    for text in TEXTS:
        assert constraint.accepts_name(text) == (re.fullmatch("[ab]*A*", text) is not None)


def test_thousands_of_strings_may_be_banned():
    """Also where the model knows thousands of characters."""
    letters = [END, *map(chr, range(0x4E00, 0x4E00 + 5000))]
    banned = ["".join(pair) for pair in itertools.pairwise(letters[1:1500])]
    constraint = make(None, banned, letters=letters)
    assert constraint.accepts_name(letters[2] + letters[1] + letters[-1])
    assert not any(constraint.accepts_name(letters[9] + string) for string in banned)


@pytest.mark.parametrize("lengths", [(0, 4), (3, 4)])
@pytest.mark.parametrize("asked", [{}, {"pattern": "a.*"}])
def test_what_next_characters_are_worth_is_what_the_name_is_worth(asked, lengths):
    """By each probability, also where some begin a character and others go on with one."""
    letters = [END, "a", "\u0301", "b"]
    names = [[4, 1, 2, 3, 0], [4, 1, 1, 2, 1, 0], [4, 3, 2, 0], [4, 3, 1, 3, 1, 0], [4, 1, 0]]
    read = row_sequences(names)
    kinds = Alphabet(np.array(letters)).kinds
    ngrams = KneserNey(read.contexts(2, 0), read.targets[read.has_target], kinds)
    constraint = make(**asked, min_length=lengths[0], max_length=lengths[1], letters=letters)
    lookahead = Lookahead(constraint, ngrams)
    n_states, n_contexts = lookahead.table.shape[1:]
    where = np.meshgrid(range(lengths[1]), range(n_states), range(n_contexts))
    lengths, states, contexts = (each.ravel() for each in where)
    with np.errstate(divide="ignore"):
        log_fits = lookahead.log_fits(lengths, states, contexts)
        ahead = (ngrams.proba(contexts) * lookahead.ahead(lengths, states, contexts)).sum(axis=1)
        longer = constraint.level(lengths + 1, lookahead.n_late)
        expected = np.log(ahead) + lookahead.log_scales[longer]
    possible = log_fits > -600
    assert possible.sum() > 20
    np.testing.assert_allclose(log_fits[possible], expected[possible], atol=1e-2)


def test_long_names_are_no_work_or_refused(generator):
    assert "zx" in generator.sample(pattern=".*zx.*", max_length=10**6, random_state=0)
    *_, lookahead = (v for v in generator._cache._kept.values() if isinstance(v, Lookahead))
    assert len(lookahead.table) < 300  # lengths, after which nothing changes any more
    assert generator.sample(max_length=10**6, random_state=0)
    with pytest.raises(ValueError, match=r"must be at most 10,000\. Got 20,000; ask for fewer"):
        generator.sample(min_length=20_000, max_length=10**6)


@pytest.mark.parametrize(
    ("pattern", "error", "match"),
    [
        (5, TypeError, "pattern must be a regular expression, a str. Got 5."),
        (b"a", TypeError, "pattern must be a regular expression, a str. Got b'a'."),
        (re.compile(b"a"), TypeError, "pattern must be a regular expression of str. Got"),
        ("(a", ValueError, "pattern must be a regular expression. Got '(a': missing )"),
        ("a{3,2}", ValueError, "Got 'a{3,2}': min repeat greater than max repeat"),
        ("(a)\\1", ValueError, "alternatives and repetitions. Got '(a)\\\\1', which holds a ref"),
        ("(?=a)b", ValueError, "which holds an anchor or a look at what surrounds it"),
        ("a(?!b).*", ValueError, "which holds a look at what surrounds it"),
        ("a\\b.*", ValueError, "which holds an anchor or a look at what surrounds it"),
        ("a^b", ValueError, "which holds an anchor or a look at what surrounds it"),
        ("(?>a)", ValueError, "which holds an atomic group"),
        ("a++", ValueError, "which holds a possessive repetition"),
        ("((a{0,9}){0,9}){0,9}" * 60, ValueError, "pattern must hold fewer repetitions: written"),
        ("a" * 60000, ValueError, "it has more than 40,000 characters"),
        (
            "(" * 90 + "a" + ")" * 90 + "(" * 5000,
            ValueError,
            "pattern must be a regular expression",
        ),
    ],
)
def test_bad_patterns(generator, pattern, error, match):
    with pytest.raises(error, match=re.escape(match)):
        generator.sample(pattern=pattern)


@pytest.mark.parametrize("banned", ["ann", 5, ["ann", ""], [None], None])
def test_bad_banned_strings(generator, banned):
    with pytest.raises(TypeError, match="banned must be an iterable of str, none of them empty"):
        generator.sample(banned=banned)


@pytest.fixture(scope="module", params=[small_pipeline, ngram_pipeline], ids=["lstm", "ngram"])
def generator(request, names):
    return request.param().fit(names)[-1]


@settings(max_examples=60)
@given(
    seed=st.sampled_from(["", "M", "Mar", "An"]),
    pattern=st.one_of(
        st.none(),
        nodes,
        st.sampled_from(
            [r".{4,7}", r".*[ae]", r"(?i)[^q]*", r"M.*|A.*a", r"(?i)([^aeiou][aeiou])*"]
        ),
    ),
    banned=st.lists(st.text("anriel", min_size=1, max_size=3), max_size=3),
    lengths=st.tuples(st.integers(0, 8), st.integers(8, 12)),
    temperature=st.sampled_from([0, 0.5, 1.0, 2.0]),
    top_k=st.sampled_from([None, 5]),
    wanted=st.fixed_dictionaries({"novel": st.booleans(), "unique": st.booleans()}),
)
def test_every_name_is_as_asked_for(
    generator, names, seed, pattern, banned, lengths, temperature, top_k, wanted
):
    asked = {"pattern": pattern, "banned": banned, "min_length": lengths[0]}
    asked |= {"max_length": lengths[1], "top_k": top_k, "random_state": 0}
    try:
        written = generator.sample(seed, temperature, 20, **asked, **wanted)
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert re.match(r"No name of|Only \d+ of 20 names were found", refusal)
        return
    assert len(written) == 20
    for name in written:
        assert name.startswith(seed)
        assert lengths[0] <= len(name) <= lengths[1]
        assert pattern is None or re.fullmatch(pattern, name)
        assert not any(string in name.casefold() for string in banned)
        assert not (wanted["novel"] and name in names)
    if not any(wanted.values()):
        streamed = seed + "".join(generator.stream(seed, temperature, **asked))
        assert streamed == generator.sample(seed, temperature, **asked)


def test_impossible_constraints_fail_at_once(generator):
    match = r"No name of 1 to 3 characters that the model knows begins with 'Ma', matches pattern="
    with pytest.raises(ValueError, match=match + r"'\.\{4\}'\. Ask for less"):
        generator.sample("Ma", max_length=3, pattern=".{4}")
    with pytest.raises(ValueError, match=r"begins with 'Ma', holds none of banned=\('ma',\)"):
        generator.sample("Ma", banned=["MA"])
    with pytest.raises(ValueError, match="No name of 1 to 12"):
        generator.sample(pattern="[0-9]+", max_length=12)
    with pytest.raises(ValueError, match="No name of 1 to"):
        generator.most_likely(3, pattern="[0-9]+")


def test_the_most_likely_names_that_fit(generator):
    vectorizer = CharSequenceVectorizer(window_length=generator.window_length_)
    everything, scores = generator.most_likely(4000, max_length=6)
    asked = {"pattern": "(?i)[^o]{4,5}|L.*", "banned": ["an"], "max_length": 6}
    expected = [
        name
        for name in everything
        if re.fullmatch(asked["pattern"], name) and "an" not in name.lower()
    ]
    assert len(expected) > 50
    found, log_likelihood = generator.most_likely(50, **asked)
    assert found == expected[:50]
    np.testing.assert_allclose(
        log_likelihood, generator.score_samples(vectorizer.fit_transform(found)), atol=1e-4
    )
    assert log_likelihood[0] <= scores[0]


def test_texts_are_written_to_a_pattern(names):
    text = " ".join(names[:100])
    generator = ngram_pipeline(window_length=5, boundary=False).fit([text])[-1]
    asked = {"pattern": r"Mar(\w+ ?)*", "max_length": 20, "random_state": 0}
    for written in generator.sample("Mar", n_samples=20, **asked):
        assert re.fullmatch(asked["pattern"], written)
        assert len(written) == 20


def test_the_search_reads_fewer_beginnings_at_a_time_where_alphabets_are_large(
    generator, monkeypatch
):
    """What waits behind its more probable siblings is found just the same."""
    asked = {"n": 50, "max_length": 6, "novel": True}
    expected, scores = generator.most_likely(**asked)
    monkeypatch.setattr("sknamegen._sampling.search._CELLS", 1)
    found, log_likelihood = generator.most_likely(**asked)
    assert found == expected
    np.testing.assert_allclose(log_likelihood, scores, rtol=1e-5)
