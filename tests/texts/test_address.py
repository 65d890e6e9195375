"""Which texts are mail addresses."""

import pytest

from longcase.texts.address import is_address
from longcase.texts.faults import RefusedError
from longcase.texts.kinds import Address


@pytest.mark.parametrize(
    "text",
    [
        "ops@example.com",
        "root@localhost",
        "longcase@my_host",
        "first.last+tag@sub.example.co.uk",
        "o'neill@x-y.example",
        "jürgen@exämple.com",
        "a@1.2.3.4",
    ],
)
def test_an_address(text):
    assert is_address(text)
    assert Address().read(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ops",
        "@example.com",
        "ops@",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a@example..com",
        "a@.example.com",
        "a@example.com.",
        "a@-example.com",
        "a@example-.com",
        "a b@example.com",
        "a@b@example.com",
        "Ops <ops@example.com>",
        "a@example.com, b@example.com",
        "a@example.com\nBcc: b@example.com",
        "a@example.com\n",
        '"a"@example.com',
        "a\u202eb@example.com",
        f"{'x' * 65}@example.com",
        f"a@{'x' * 260}",
    ],
)
def test_what_mail_servers_refuse_is_no_address(text):
    assert not is_address(text)
    with pytest.raises(RefusedError, match="expected a mail address"):
        Address().read(text)
