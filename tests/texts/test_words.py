"""Values in words, as people read them."""

from datetime import timedelta

import pytest

from longcase.texts import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.0004, "0 s"),
        (0.34, "340 ms"),
        (0.9996, "1 s"),
        (1.2, "1.2 s"),
        (9.96, "10 s"),
        (42.4, "42 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (3599.9, "1 h"),
        (7500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
        (-1.5, "-1.5 s"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds, said):
    assert words.duration(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1 MiB"),
        (3 * 1024**2, "3 MiB"),
        (5 * 1024**5, "5120 TiB"),
    ],
)
def test_a_size_is_said_in_powers_of_1024(count, said):
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("most", "said"), [(1, "a and 2 more"), (2, "a, b and 1 more"), (3, "a, b and c"), (9, "a, b and c")]
)
def test_names_are_listed_as_far_as_they_fit(most, said):
    assert words.names(["a", "b", "c"], most) == said


def test_what_is_cut_from_the_middle_is_counted():
    text = "".join(f"{number:09}\n" for number in range(100))
    cut = words.cut_middle(text, 200)
    head, note, *tail = cut.splitlines()[4:6] + cut.splitlines()[-1:]
    assert head == "000000004"
    assert note == "[… 810 characters left out …]"
    assert tail == ["000000099"]


def test_what_fits_is_not_cut():
    assert words.cut_middle("a\nb\n", 4) == "a\nb\n"
    assert words.one_line(" a\n b ", 3) == "a b"
