import tracemalloc

import numpy as np
import pytest

import sknamegen
from sknamegen import iter_names, load_names, read_names
from sknamegen.datasets import known_names


def test_bundled_lists_of_names():
    female, male = load_names("female"), load_names("male")
    assert (len(female), len(male)) == (4951, 3898)
    assert female[0] == "Aaren"
    assert male[-1].startswith("Z")
    assert all(name and name == name.strip() for name in female + male)
    assert load_names() == female + male


def test_load_names_with_labels():
    names, labels = load_names(return_X_y=True)
    assert names == load_names()
    assert labels.tolist() == ["female"] * 4951 + ["male"] * 3898
    names, labels = load_names("male", return_X_y=True)
    assert set(labels) == {"male"}
    assert len(names) == len(labels)


def test_unknown_group_is_rejected():
    with pytest.raises(ValueError, match="group must be one of 'female', 'male', 'all'"):
        load_names("dog")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_read_names(tmp_path, newline):
    path = tmp_path / "names.txt"
    path.write_bytes(newline.join(["  Zoë ", "", "\tAnna Maria", " ", "李"]).encode())
    assert read_names(path) == read_names(str(path)) == ["Zoë", "Anna Maria", "李"]


def test_read_names_skips_a_byte_order_mark(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes(b"\xef\xbb\xbfAda\n")
    assert read_names(path) == read_names(path, encoding="UTF8") == ["Ada"]


def test_read_names_in_another_encoding(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes("Zoë\nÅsa\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"names.txt. is not in the encoding .utf-8..*latin-1"):
        read_names(path)
    assert read_names(path, encoding="latin-1") == ["Zoë", "Åsa"]


@pytest.mark.parametrize("content", ["", "\n", "  \n\t\n"])
def test_read_names_of_an_empty_file(tmp_path, content):
    path = tmp_path / "names.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"names.txt' contains no names"):
        read_names(path)


def test_read_names_uses_bounded_memory(tmp_path):
    path = tmp_path / "names.txt"
    with open(path, "wb") as file:
        file.write(b"Ada\nEve\n")
        file.truncate(2**30)  # 1 GiB in a single line
    tracemalloc.start()
    with pytest.raises(ValueError, match="a line of more than 10,000 characters, after 2 names"):
        read_names(path)
    path.write_text("x" * 10_000 + "\nAda\n")
    assert read_names(path) == ["x" * 10_000, "Ada"]
    with open(path, "wb") as file:
        file.write(b"Ada\n" * 100_000)
    with pytest.raises(ValueError, match=r"more than max_names=500 names\. Pass a larger"):
        read_names(path, max_names=500)
    assert tracemalloc.get_traced_memory()[1] < 2e7
    tracemalloc.stop()
    assert len(read_names(path, max_names=100_000)) == 100_000
    with pytest.raises(ValueError, match=r"max_names must be an int >= 1\. Got 0\."):
        read_names(path, max_names=0)


def test_read_names_of_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing.txt"):
        read_names(tmp_path / "nothing.txt")
    with pytest.raises(LookupError, match="no-such-code"):
        read_names(__file__, encoding="no-such-code")


@pytest.mark.parametrize("path", [3, None, b"names.txt", ["names.txt"]])
def test_paths_of_other_types_are_rejected(path):
    """`open` would treat a number as a file descriptor and close it."""
    with pytest.raises(TypeError, match="path must be a str or path-like"):
        read_names(path)
    with pytest.raises(TypeError, match="path must be a str or path-like"):
        next(iter_names(path))


def test_known_names():
    names = known_names()
    assert all(name in names for name in ("Marina", "marina", "MARINA", "Zürich", "Zu\u0308rich"))
    assert names.share(load_names()) == 1
    rng = np.random.default_rng(0)
    invented = ["".join(row) for row in rng.choice([*"bcdfghjklmnpqrstvwxz"], (50_000, 12))]
    assert names.share(invented) < 0.0015  # false positive rate of 1 in 1,200
    assert names.share(["Marina", invented[0], invented[0]]) == pytest.approx(1 / 3)


def test_known_names_with_additional_names():
    extended = known_names() | ["Bresnu\u0308 Xq", "Vzqlmo"]
    assert "BRESNÜ xq" in extended
    assert "bresnü xq" not in known_names()
    assert "Marina" in extended
    assert "Vzqlmo" in extended | []
    with pytest.raises(TypeError, match=r"names must be an iterable of str. Got 'Anna'"):
        known_names() | "Anna"


def test_known_names_file_is_small():
    file = sknamegen.datasets.bundled_file("known.npz")
    assert len(file.read_bytes()) <= 700_000
