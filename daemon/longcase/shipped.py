"""Finds what is shipped beside the code: `config`, `systemd` and `examples`."""

from pathlib import Path


def shipped(folder: str) -> Path:
    """The folder as it was installed: in the wheel below `shipped/`, in a checkout at its top."""
    package = Path(__file__).parent
    installed = package / "shipped" / folder
    return installed if installed.is_dir() else package.parent.parent / folder
