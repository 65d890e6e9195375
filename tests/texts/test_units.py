import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcase.texts.units import UnitError, parse_duration, parse_size


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1d2h3m4s", 93784),
        ("0s", 0),
        (90, 90),
        (0, 0),
        (0.25, 0.25),
        ("36525d", 36525 * 86400),
    ],
)
def test_a_duration_means_its_seconds(written, seconds):
    assert parse_duration(written) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "written",
    ["", "90", "s", "1 h", "1h 30m", "30m1h", "1w", "1.5h", "-5s", "+5s", "1H", "٣s", "5s\n", "9" * 80 + "s"],
)
def test_a_text_that_is_no_duration_is_refused_with_what_would_be_right(written):
    with pytest.raises(UnitError) as error:
        parse_duration(written)
    assert 'expected a duration such as "90s"' in str(error.value)


@pytest.mark.parametrize(
    "written", [-1, float("nan"), float("inf"), pytest.param(10**400, id="huge"), "36526d", "9" * 60 + "d"]
)
def test_a_duration_outside_its_bounds_is_refused(written):
    with pytest.raises(UnitError) as error:
        parse_duration(written)
    assert "from 0 to 100 years" in str(error.value)


@pytest.mark.parametrize(
    ("written", "count"),
    [("4K", 4096), ("512M", 512 * 1024**2), ("2G", 2 * 1024**3), ("1T", 1024**4), (0, 0), (4096, 4096)],
)
def test_a_size_means_its_bytes(written, count):
    assert parse_size(written) == count


@pytest.mark.parametrize("written", ["", "512", "M", "1.5G", "2g", "2GB", "2 G", "-1M", "٣M", "9" * 30 + "K"])
def test_a_text_that_is_no_size_is_refused_with_what_would_be_right(written):
    with pytest.raises(UnitError) as error:
        parse_size(written)
    assert 'expected a size such as "512M"' in str(error.value)


@pytest.mark.parametrize("written", [-1, 2**63, "8388608T", pytest.param(16**9000, id="huge")])
def test_a_size_outside_its_bounds_is_refused(written):
    with pytest.raises(UnitError) as error:
        parse_size(written)
    assert "from 0 to 8388607T" in str(error.value)


@given(st.text(alphabet="0123456789dhmsKMGT ", max_size=30))
def test_any_text_is_read_or_refused(text):
    for read in (parse_duration, parse_size):
        with contextlib.suppress(UnitError):
            assert read(text) >= read(0)
