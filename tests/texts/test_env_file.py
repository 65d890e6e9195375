"""Files of variables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcase.texts.env_file import EnvFileError, read_env_file


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("# nothing\n\n  # more of it\n", {}),
        ("A=1\nB=two words\n", {"A": "1", "B": "two words"}),
        ("export A=1\n  export\tB=2", {"A": "1", "B": "2"}),
        ("A =  1  \nB=\nC= # c\n", {"A": "1", "B": "", "C": ""}),
        ("A=1 # c\nB=1#c\nC='x' # c\n", {"A": "1", "B": "1#c", "C": "x"}),
        ('A=$HOME/${B}\nB=$(date)\nC="`id` $HOME"\n', {"A": "$HOME/${B}", "B": "$(date)", "C": "`id` $HOME"}),
        (r"A='it\'s \n \\'", {"A": r"it's \n " + "\\"}),
        (r'A="say \"x\" \n\t\\ \d"', {"A": 'say "x" \n\t\\ \\d'}),
        ('A=it\'s\nB=a"b"\n', {"A": "it's", "B": 'a"b"'}),
        ('A="one\n  two"\nB=3', {"A": "one\n  two", "B": "3"}),
        ('A="C:\\\\"\nB="x"\n', {"A": "C:\\", "B": "x"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\n", {"A": "1"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("A=ä€\n", {"A": "ä€"}),
    ],
)
def test_what_a_file_holds(text, variables):
    assert read_env_file(text.encode(), "/etc/etl/env") == variables


NOT_A_NAME = "what stands before the = is not a variable's name; right are A-Z a-z 0-9 _, the first no digit"
NOT_A_LINE = "is not KEY=VALUE; put a value of several lines in quotes, and a # before a comment"
OPEN = "a quote begins its value, and is not closed, or not at its end; close it there, or escape it"


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        ("A=1\n\n# c\n\nonly words\n", 5, NOT_A_LINE),
        ("=s3cr3t\n", 1, NOT_A_LINE),
        ("A\n", 1, NOT_A_LINE),
        ("\nexport A\n", 2, NOT_A_LINE),
        ("1A=s3cr3t\n", 1, NOT_A_NAME),
        ("A-B=s3cr3t\n", 1, NOT_A_NAME),
        ("s3cr/3t=\n", 1, NOT_A_NAME),
        ('\nA="s3cr3t\nB=2\n', 2, OPEN),
        ("A='s3cr3t'x\n", 1, OPEN),
        ('A="s3cr3t\n\nmore" s3cr3t\nB=1\n', 1, OPEN),
        ("A=1\nB=s3cr3t\0\n", 2, "B: holds a NUL, which no variable can; take it out"),
        (
            "LONGCASE_RUN=1\n",
            1,
            "LONGCASE_RUN: LONGCASE_ begins what Longcase sets itself; choose another name",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_without_any_value(text, line, wrong):
    with pytest.raises(EnvFileError) as caught:
        read_env_file(text.encode(), "/etc/etl/env")
    assert str(caught.value) == f"/etc/etl/env:{line}: {wrong}"


def test_several_errors_are_told_at_once():
    with pytest.raises(EnvFileError) as caught:
        read_env_file(b"A=1\nB\nC=2\n4=4\n", "f")
    assert str(caught.value) == f"f:2: {NOT_A_LINE}; f:4: {NOT_A_NAME}"


def test_of_many_errors_the_first_are_told():
    with pytest.raises(EnvFileError) as caught:
        read_env_file(b"A\n" * 8, "f")
    assert str(caught.value).count(NOT_A_LINE) == 5
    assert str(caught.value).endswith("; and 3 more")


def test_what_is_no_text_is_told_with_its_line():
    with pytest.raises(EnvFileError) as caught:
        read_env_file(b"A=1\nB=caf\xe9\n", "f")
    assert str(caught.value) == "f:2: is no text in UTF-8; store it as UTF-8"


@pytest.mark.parametrize("blank", [" ", "\t", "\u2003"])
def test_a_long_row_of_blanks_is_refused_before_it_is_parsed(blank):
    assert read_env_file(f"A=x{blank * 200}y\n".encode(), "f") == {"A": f"x{blank * 200}y"}
    with pytest.raises(EnvFileError) as caught:
        read_env_file(f"A=1\nB=s3cr3t{blank * 20_000}y\n".encode(), "f")
    assert str(caught.value) == "f:2: has more than 200 blanks in a row; take them out"


@given(st.one_of(st.binary(max_size=60), st.text("AB=\"'\\\n\r\t #$", max_size=40).map(str.encode)))
def test_whatever_a_file_holds_it_is_read_or_refused_with_a_line(source):
    variables, wrong = {}, "f:"
    try:
        variables = read_env_file(source, "f")
    except EnvFileError as error:
        wrong = str(error)
    assert wrong.startswith("f:")
    assert all(name.isidentifier() and "\0" not in value for name, value in variables.items())
