"""The environment of each peer: exactly what stands in peers/NAME.txt, in .envs/NAME."""

from __future__ import annotations

import shutil
import subprocess
import venv
from pathlib import Path

HERE = Path(__file__).parent


def pins(peer: str) -> str:
    """What the peer's environment holds."""
    return (HERE / "peers" / f"{peer}.txt").read_text(encoding="utf-8")


def python_of(peer: str) -> Path:
    """The interpreter of the peer's environment, which is made anew when its pins changed.

    Raises:
        subprocess.CalledProcessError: pip could not install the pins.
    """
    folder = HERE / ".envs" / peer
    installed = folder / "pins.txt"
    python = folder / "bin" / "python"
    if not installed.exists() or installed.read_text(encoding="utf-8") != pins(peer):
        print(f"making the environment of {peer}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        source = HERE / "peers" / f"{peer}.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", source], check=True)
        installed.write_text(pins(peer), encoding="utf-8")
    return python
