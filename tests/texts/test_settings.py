import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from longcase.domain.pipeline import SecretSource
from longcase.texts.secret_kind import SECRET
from longcase.texts.settings import (
    DAEMON,
    DEFAULTS,
    MAIL,
    Folders,
    MailSettings,
    Settings,
    SettingsErrors,
    read_settings,
)

FOLDERS = Folders(
    jobs_dir=Path("/etc/longcase/jobs.d"),
    log_dir=Path("/var/log/longcase"),
    state_dir=Path("/var/lib/longcase"),
    runtime_dir=Path("/run/longcase"),
)
SHIPPED = Path(__file__).parents[2] / "config" / "longcase.toml"

EVERY_KEY = """
jobs_dir = "jobs"
log_dir = "/data/log"
state_dir = "../state"
runtime_dir = "."
max_parallel = 2
stop_timeout = 0

[mail]
server = "[::1]:587"
security = "starttls"
username = "longcase"
password = { file = "smtp-password" }
sender = "longcase@example.com"
operator = ["ops@example.com", "root@localhost"]

[defaults]
timeout = "1h"
retry_backoff = 2
"""


def read(source):
    return read_settings(source, path="/srv/conf/longcase.toml", folders=FOLDERS)


def test_every_key_reaches_the_settings_and_relative_paths_begin_at_the_files_folder():
    assert read(EVERY_KEY) == Settings(
        folders=Folders(
            jobs_dir=Path("/srv/conf/jobs"),
            log_dir=Path("/data/log"),
            state_dir=Path("/srv/conf/../state"),
            runtime_dir=Path("/srv/conf"),
        ),
        max_parallel=2,
        stop_timeout=timedelta(),
        mail=MailSettings(
            host="::1",
            port=587,
            security="starttls",
            username="longcase",
            password=SecretSource(file="/srv/conf/smtp-password"),
            sender="longcase@example.com",
            operator=("ops@example.com", "root@localhost"),
        ),
        defaults={"timeout": timedelta(hours=1), "retry_backoff": 2.0},
        path="/srv/conf/longcase.toml",
    )


@pytest.mark.parametrize("source", ["", "[mail]\n", b"\xef\xbb\xbf# nothing\r\n"])
def test_a_file_that_says_nothing_leaves_every_default(source):
    assert read(source) == Settings(folders=FOLDERS, path="/srv/conf/longcase.toml")


def test_a_folder_that_the_file_doesnt_name_stays_the_default_one():
    assert read('log_dir = "/data/log"').folders == Folders(
        jobs_dir=FOLDERS.jobs_dir,
        log_dir=Path("/data/log"),
        state_dir=FOLDERS.state_dir,
        runtime_dir=FOLDERS.runtime_dir,
    )


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("localhost:25", "localhost", 25),
        ("mail.example.com:465", "mail.example.com", 465),
        ("192.0.2.1:65535", "192.0.2.1", 65535),
        ("[2001:db8::1]:25", "2001:db8::1", 25),
    ],
)
def test_a_server_is_read_as_host_and_port(written, host, port):
    mail = read(f'mail.server = "{written}"').mail
    assert (mail.host, mail.port) == (host, port)


@pytest.mark.parametrize("kind", ["env", "credential"])
def test_a_password_comes_from_where_it_is_said_to(kind):
    assert read(f'mail.password = {{ {kind} = "smtp" }}').mail.password == SecretSource(**{kind: "smtp"})


BROKEN = [
    # (text, key, part of the message)
    ("jobs_dir = 1", "jobs_dir", "expected a folder, found integer 1"),
    ('log_dir = ""', "log_dir", "not empty"),
    ('state_dir = "~/state"', "state_dir", "~ is not replaced"),
    ('runtime_dir = "/a\\u0000"', "runtime_dir", "without NUL"),
    ("max_parallel = 0", "max_parallel", "expected a whole number from 1 to 10000, found integer 0"),
    ("max_parallel = true", "max_parallel", "found boolean true"),
    ("max_parallel = 1.5", "max_parallel", "found float 1.5"),
    ('stop_timeout = "30 s"', "stop_timeout", 'expected a duration such as "90s"'),
    ("stop_timeout = -1", "stop_timeout", "found integer -1"),
    ("max_paralel = 2", "max_paralel", 'the nearest known one is "max_parallel"'),
    ('listen = "127.0.0.1:7878"', "listen", "known to later versions, not yet to this one"),
    ("resources = { db = 2 }", "resources", "known to later versions, not yet to this one"),
    ("retention = { runs = 1 }", "retention", "known to later versions, not yet to this one"),
    ("defaults = 1", "defaults", "expected a table, found integer 1"),
    ('defaults = { retries = "2" }', "defaults.retries", 'found string "2"'),
    ('defaults = { user = "etl" }', "defaults.user", "known to later versions, not yet to this one"),
    ('defaults = { memory_max = "1G" }', "defaults.memory_max", "known to later versions, not yet"),
    ('defaults = { run = "x" }', "defaults.run", "it belongs in [tasks.NAME] of a job file"),
    ('timezone = "UTC"', "timezone", "it belongs at the top of a job file"),
    ("retries = 2", "retries", "it belongs in [defaults]"),
    (
        'mail = { password = { env = "SMTP PASSWORD" } }',
        "mail.password.env",
        "expected a variable's name, A-Z a-z 0-9 _",
    ),
    ("mail = 1", "mail", "expected a table, found integer 1"),
    ('server = "x:1"', "server", "it belongs in [mail]"),
    ("mail = { max_parallel = 1 }", "mail.max_parallel", "it belongs at the top of the file"),
    ('mail = { server = "localhost" }', "mail.server", 'expected "HOST:PORT" such as "localhost:25"'),
    ('mail = { server = "localhost:0" }', "mail.server", "HOST:PORT"),
    ('mail = { server = "localhost:65536" }', "mail.server", "HOST:PORT"),
    ('mail = { server = "::1:25" }', "mail.server", '"[::1]:25"'),
    ('mail = { server = "a b:25" }', "mail.server", "HOST:PORT"),
    ("mail = { server = 25 }", "mail.server", "found integer 25"),
    (
        'mail = { security = "ssl" }',
        "mail.security",
        'expected "none", "starttls" or "tls", found string "ssl"',
    ),
    ("mail = { username = 5 }", "mail.username", "expected a string"),
    ("mail = { password = [5] }", "mail.password", 'expected { file = "…" }'),
    ("mail = { password = {} }", "mail.password", "expected exactly one of"),
    ('mail = { password = { file = "a", env = "B" } }', "mail.password", "expected exactly one of"),
    ('mail = { password = { file = "" } }', "mail.password.file", "found an empty one"),
    ('mail = { password = { fil = "a" } }', "mail.password.fil", 'nearest known one is "file"'),
    ('mail = { password = { credential = "../x" } }', "mail.password.credential", "for a path write file"),
    ('mail = { sender = "longcase" }', "mail.sender", "expected a mail address"),
    ('mail = { operator = "ops@example.com" }', "mail.operator", "in brackets"),
    ('mail = { operator = ["a@b", "ops"] }', "mail.operator[1]", "expected a mail address"),
    ("max_parallel = two", "", "at `max_parallel`"),
]


@pytest.mark.parametrize(("text", "key", "message"), BROKEN)
def test_a_mistake_is_told_at_its_line_with_what_would_be_right(text, key, message):
    with pytest.raises(SettingsErrors) as error:
        read(f"# first line\n\n{text}\n")
    (problem,) = error.value.problems
    assert (problem.path, problem.line, problem.key) == ("/srv/conf/longcase.toml", 3, key)
    assert message in problem.message


@pytest.mark.parametrize("written", ['"4711"', "4711"])
def test_a_password_written_into_the_file_is_refused_and_not_repeated(written):
    with pytest.raises(SettingsErrors) as error:
        read(f"[mail]\npassword = {written}\n")
    assert str(error.value).startswith("/srv/conf/longcase.toml:2: mail.password: expected { file")
    assert "4711" not in str(error.value)


def test_every_mistake_is_told_at_once():
    with pytest.raises(SettingsErrors) as error:
        read('max_parallel = 0\nx = 1\n[mail]\nsecurity = "no"\noperator = [\n"a@b",\n"c"]\n')
    assert [problem.line for problem in error.value.problems] == [1, 2, 4, 7]


def test_the_shipped_file_says_nothing_as_it_stands():
    assert read(SHIPPED.read_bytes()) == read("")


def test_the_shipped_file_writes_out_every_default():
    uncommented = re.sub(r"^#(?=[a-z\[])", "", SHIPPED.read_text(), flags=re.MULTILINE)
    everything = read(uncommented)
    assert everything.defaults == {key: value for key, value in DEFAULTS.defaults.items() if key != "timeout"}
    assert structs.replace(everything, defaults={}) == read("")
    for key in (*DAEMON.keys, *MAIL.keys, *DEFAULTS.keys):
        assert re.search(rf"^(\[{key.name}\]|(# )?{key.name} = )", uncommented, re.MULTILINE), key.name


@pytest.mark.parametrize("section", [DAEMON, MAIL, SECRET, DEFAULTS])
def test_every_key_is_described(section):
    assert all(key.help.endswith(".") for key in section.keys)


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(EVERY_KEY)),
            st.integers(0, 12),
            st.text(max_size=3) | st.sampled_from("[]{}=\"'#\n"),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_good_file_with_pieces_replaced_is_read_or_refused_at_lines_that_it_has(cuts):
    text = EVERY_KEY
    for start, length, piece in cuts:
        text = text[:start] + piece + text[start + length :]
    try:
        read(text)
    except SettingsErrors as error:
        lines = [problem.line for problem in error.problems]
    else:
        return
    assert lines
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)
