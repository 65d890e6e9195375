"""What a log says most often, signed with a key, so that whoever knows the key can tell it is genuine.

These are plain functions. log-digest.toml says which of them waits for which command, and gets its result.
"""

import hmac
import json
import os
import re
from collections import Counter
from typing import Any

# 2026-11-24T02:30:00.123+01:00, 2026-11-24 02:30:00 or Nov 24 02:30:00
STAMP = re.compile(r"(\d{4}-\d\d-\d\d|[A-Z][a-z]{2} [ \d]\d)[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)? ?")
NUMBER = re.compile(r"\b(0x[0-9a-fA-F]+|\d+)\b")

Message = dict[str, Any]


def count_lines(text: str) -> int:
    """How many lines there are."""
    count = len(text.splitlines())
    print(f"{count} lines")
    return count


def find_messages(text: str) -> list[Message]:
    """Each message and how often it stands there, the most frequent first.

    Lines that differ only in their time and in numbers say the same: such as `sshd[#]: Connection closed`.
    """
    counts = Counter(message_of(line) for line in text.splitlines() if line.strip())
    print(f"{counts.total()} lines hold {len(counts)} messages")
    return [{"message": message, "count": count} for message, count in counts.most_common()]


def message_of(line: str) -> str:
    """What a line says, without its time, and with # for each number."""
    return NUMBER.sub("#", STAMP.sub("", line, count=1)).strip()


def sign(messages: list[Message]) -> dict[str, Any]:
    """The messages with their HMAC-SHA256, made with the secret that the job file calls DIGEST_KEY."""
    key = os.environ["DIGEST_KEY"]
    content = json.dumps(messages, sort_keys=True).encode()
    return {"messages": messages, "hmac_sha256": hmac.digest(key.encode(), content, "sha256").hex()}
