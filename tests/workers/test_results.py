"""Results travel by file."""

import os
import pickle
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcase.workers import results


class Array:
    """A value whose bytes pickle leaves where they are, as those of an array of numbers."""

    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return Array, (pickle.PickleBuffer(self.data),)


@pytest.fixture
def store(tmp_path):
    def write(value, name="task.1.pickle"):
        return results.write(value, str(tmp_path), name, "1.pack")

    return write


@given(st.lists(st.recursive(st.none() | st.integers() | st.text(), st.lists)))
def test_values_come_back_from_a_pack_as_they_went_in(values):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        references = [results.write(value, folder, "own", "pack") for value in values]
        assert [results.read(reference) for reference in references] == values
        assert os.listdir(folder) == (["pack"] if values else [])


@pytest.mark.parametrize("size", [1, 63, 64, 65, 60_000, 70_000, 1_000_001])
def test_buffers_come_back_aligned_and_writable(store, size):
    arrays = [Array(bytearray(os.urandom(size))) for _ in range(3)]
    found = results.read(store(arrays))
    assert [array.data for array in found] == [array.data for array in arrays]
    found[0].data[0] ^= 1


def test_what_a_reader_changes_the_next_reader_does_not_see(store):
    reference = store(Array(bytearray(100_000)))
    results.read(reference).data[0] = 1
    assert results.read(reference).data[0] == 0


def test_small_results_share_the_pack_and_large_ones_have_a_file(store, tmp_path):
    first, second = store(None), store(0)
    large = store(bytes(results.PACKED))
    assert Path(first["path"]) == Path(second["path"]) == tmp_path / "1.pack"
    assert (first["offset"], second["offset"]) == (0, first["size"])
    assert Path(large["path"]) == tmp_path / "task.1.pickle"
    assert large["size"] == Path(large["path"]).stat().st_size
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert first["format"] == "pickle"


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (threading.Lock(), "of type lock, can't be pickled: cannot pickle '_thread.lock' object"),
        (lambda: None, "of type function, can't be pickled: "),
        ((each for each in ()), "of type generator, can't be pickled: "),
    ],
)
def test_a_result_that_can_not_be_pickled_is_refused_with_its_type(store, tmp_path, value, cause):
    with pytest.raises(results.ResultError) as caught:
        store(value)
    assert str(caught.value).startswith(f"the result, {cause}")
    assert str(caught.value).endswith("; return a value that pickle takes")
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_can_not_be_stored_names_the_file(tmp_path):
    with pytest.raises(results.ResultError) as caught:
        results.write(1, str(tmp_path / "gone"), "own", "pack")
    assert str(caught.value) == (
        f"the result can't be written to {tmp_path}/gone/pack: No such file or directory"
    )


def test_a_link_in_the_results_folder_is_not_followed(store, tmp_path):
    (tmp_path / "1.pack").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(results.ResultError, match="Too many levels of symbolic links"):
        store(1)
    reference = store(bytes(results.PACKED))
    os.rename(reference["path"], tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", reference["path"])
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        results.read(reference)


def test_a_result_that_was_cut_off_is_not_taken_for_whole(store):
    reference = store("some text")
    os.truncate(reference["path"], reference["size"] - 1)
    with pytest.raises(OSError, match="ends after 127 of 128 bytes"):
        results.read(reference)


class Rude:
    def __repr__(self):
        raise RuntimeError("no repr for you")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        ({"b": 1, "a": [2]}, "{'b': 1, 'a': [2]}"),
        ("x" * 10, "'xxxxxxxxxx'"),
        (b"x" * 10, "b'xxxxxxxxxx'"),
    ],
)
def test_a_short_value_is_shown_whole(value, shown):
    assert results.short_repr(value) == shown


@pytest.mark.parametrize(
    "value", ["x" * 10**6, b"x" * 10**6, bytearray(10**6), list(range(10**6)), 10**1000, Rude()]
)
def test_a_repr_is_short_whatever_the_value(value):
    assert 3 < len(results.short_repr(value)) <= 200
