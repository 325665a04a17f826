"""Run the README's code blocks: `python3 .ci/readme.py NAME` runs those that follow `<!-- run: NAME -->`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- run: (?P<name>[\w-]+) -->\s*```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)


def main(name: str) -> int:
    """Run the blocks called ``name`` in order, in one folder; stop at the first that fails."""
    blocks = [m for m in BLOCK.finditer((ROOT / "README.md").read_text(encoding="utf-8")) if m["name"] == name]
    if not blocks:
        print(f"README.md has no block marked <!-- run: {name} -->", file=sys.stderr)
        return 1
    environment = os.environ | {"PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for block in blocks:
        print(block["code"].rstrip(), flush=True)
        shell = ["bash", "-euo", "pipefail", "-c"] if block["language"] in ("bash", "sh") else ["python", "-c"]
        code = subprocess.run([*shell, block["code"]], cwd=ROOT, env=environment, check=False).returncode
        if code:
            print(f"this block of README.md failed with exit code {code}", file=sys.stderr)
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
