"""README's steps to install the service, taken one by one under a real systemd that is thrown away."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from needs import need

ROOT = Path(__file__).parents[2]
WITH_SYSTEMD = ROOT.parent / "shared" / "tools" / "with-systemd"
CANNOT_BOOT = 77

CHECKS = """
set -euo pipefail
longcase() { /opt/longcase/bin/longcase --config /etc/longcase/longcase.toml "$@"; }
systemctl is-active longcase
cat > /etc/longcase/jobs.d/hello.toml <<'END'
schedule = "* * * * * *"
[tasks.who]
run = "id -un; umask"
END
for _ in $(seq 100); do longcase history hello 2>/dev/null | grep -q succeeded && break; sleep 0.1; done
longcase history hello
grep -m1 ' out longcase$' /var/log/longcase/hello/who.log
grep -m1 ' out 0022$' /var/log/longcase/hello/who.log
stat -c 'log %A %U:%G' /var/log/longcase/hello /var/log/longcase/hello/who.log
journalctl -u longcase -o cat | grep -m1 '"event": "daemon ready"'

cat > /etc/longcase/jobs.d/long.toml <<'END'
schedule = "* * * * * *"
[tasks.long]
run = "sleep 600"
kill_grace = 1
END
sed -i 's/^#stop_timeout.*/stop_timeout = "1s"/' /etc/longcase/longcase.toml
systemctl restart longcase
for _ in $(seq 100); do pgrep -f 'sleep 600' >/dev/null && break; sleep 0.1; done
pgrep -f 'sleep 600' >/dev/null && echo 'it runs'
systemctl stop longcase
pgrep -u longcase && exit 1
longcase history long | grep -m1 interrupted
systemctl show longcase -p Result

echo 'max_parallel = 0' > /etc/longcase/longcase.toml
systemctl start longcase && exit 1
systemctl show longcase -p ExecMainStatus -p NRestarts
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Longcase and all that it needs, since the throw-away machine has no network."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", folder, ROOT, "hatchling"],
        check=True,
    )
    return folder


def readme_steps():
    section = (ROOT / "README.md").read_text().partition("## Install as a service")[2].partition("\n## ")[0]
    return re.findall(r"^    (.+)$", section, flags=re.MULTILINE)


def test_the_service_installs_runs_and_stops_as_the_readme_says(wheels, tmp_path):
    need(WITH_SYSTEMD.exists(), "../shared/tools/with-systemd")
    script = tmp_path / "script"
    script.write_text("\n".join(["set -euo pipefail", *readme_steps(), CHECKS]))
    done = subprocess.run(
        [WITH_SYSTEMD, "--timeout", "200", "--", "bash", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
            "PIP_QUIET": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "HOME": os.environ.get("HOME", "/root"),
        },
    )
    need(done.returncode != CANNOT_BOOT, f"a machine that can boot a systemd: {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "active\n",
        " out longcase\n",
        "log drwxr-s--- longcase:longcase\nlog -rw-r----- longcase:longcase\n",
        "it runs\n",
        "interrupted",
        "Result=success\n",
        "ExecMainStatus=78\n",
        "NRestarts=0\n",
    ):
        assert said in done.stdout
