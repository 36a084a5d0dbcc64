"""Build the wheel, install it alone into an empty environment outside the checkout, and run its demo there."""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory() as elsewhere:
        here = Path(elsewhere)
        subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(here), str(CHECKOUT)], check=True)
        wheel = next(here.glob("hotspot_patrol-*.whl"))
        venv.create(here / "env", with_pip=True)
        python = here / "env" / "bin" / "python"
        quiet = ["--quiet", "--disable-pip-version-check"]
        subprocess.run([python, "-m", "pip", "install", *quiet, str(wheel)], check=True)
        bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        run = here / "run"
        patrol = here / "env" / "bin" / "patrol"
        subprocess.run([patrol, "demo", "--out", str(run), "--effort", "quick"], check=True, cwd=here, env=bare)
        subprocess.run([patrol, "verify", str(run)], check=True, cwd=here, env=bare)
    print("the wheel, installed alone, ran its demo")


if __name__ == "__main__":
    main()
