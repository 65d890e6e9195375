"""Reading secrets from where they lie."""

import os

import pytest

from longcase.domain.pipeline import Environment, SecretSource
from longcase.secret import SecretError, mask_of, read_secret, read_secrets


def in_file(path, content):
    path.write_bytes(content)
    return SecretSource(file=str(path))


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\r\n\n", "hunter2"),
        ("  pä'ss\"w\\o\nrd \n".encode(), "  pä'ss\"w\\o\nrd "),
        (b"x" * 65536, "x" * 65536),
    ],
)
def test_a_secret_is_what_its_file_holds_without_the_newlines_at_its_end(tmp_path, content, secret):
    assert read_secret(in_file(tmp_path / "db", content)) == secret


def test_a_secret_is_a_variable_of_the_daemon():
    assert read_secret(SecretSource(env="PASSWORD"), {"PASSWORD": "hunter2"}) == "hunter2"


def test_a_secret_is_a_credential_of_the_daemon(tmp_path):
    (tmp_path / "db").write_text("hunter2\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_secret(SecretSource(credential="db"), environ) == "hunter2"


def absent(path):
    return "can't be read: No such file or directory"


def folder(path):
    path.mkdir()
    return "can't be read: it is no regular file"


def fifo(path):
    os.mkfifo(path)
    return "can't be read: it is no regular file"


def device(path):
    path.symlink_to("/dev/zero")
    return "can't be read: it is no regular file"


def empty(path):
    path.write_text("\n")
    return "is empty"


def too_long(path):
    path.write_text("x" * 65537)
    return "can't be read: it is longer than the 64 KiB that are allowed"


def no_text(path):
    path.write_bytes(b"p\xe4ssword")
    return "can't be read: it is no text in UTF-8"


def nul(path):
    path.write_bytes(b"hunter2\0")
    return "holds a NUL, which no variable can"


@pytest.mark.parametrize("wrong", [absent, folder, fifo, device, empty, too_long, no_text, nul])
@pytest.mark.parametrize("how", ["file", "credential"])
def test_what_is_no_secret_is_named_with_its_place(tmp_path, wrong, how):
    path = tmp_path / "db"
    why = wrong(path)
    source = SecretSource(file=str(path)) if how == "file" else SecretSource(credential="db")
    with pytest.raises(SecretError) as caught:
        read_secret(source, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert str(caught.value) == f"{path} {why}"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (SecretSource(env="PASSWORD"), "the daemon's environment has no PASSWORD"),
        (SecretSource(credential="db"), "there is no credential 'db': $CREDENTIALS_DIRECTORY is not set"),
    ],
)
def test_where_there_is_none_that_is_said(source, why):
    with pytest.raises(SecretError) as caught:
        read_secrets(Environment(secrets={"DB_PASSWORD": source}), {"PASSWORD": ""})
    assert str(caught.value) == f"secret DB_PASSWORD: {why}"


def test_all_secrets_are_read_by_the_names_of_their_variables(tmp_path):
    sources = {"A": in_file(tmp_path / "a", b"hunter2"), "B": SecretSource(env="PASSWORD")}
    found = read_secrets(Environment(secrets=sources), {"PASSWORD": "swordfish"})
    assert found == {"A": "hunter2", "B": "swordfish"}


def test_a_mask_hides_what_can_be_read_and_passes_over_the_rest(tmp_path):
    sources = {"A": SecretSource(env="PASSWORD"), "B": in_file(tmp_path / "b", b"hunter2")}
    mask = mask_of(Environment(secrets=sources), {})
    assert mask.hide("hunter2 and swordfish") == "••• and swordfish"
    assert not mask_of(Environment())
