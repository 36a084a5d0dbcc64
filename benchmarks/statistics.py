"""Each statistic against its peers, and calibration on noise: see `statistics_tasks.py`, or --help.

The work isn't done here, because this file has the name of a module of the standard library: other scripts of this folder,
and the libraries that they load, would get it instead. They are given the standard library's.
"""

import importlib.util
import sys
import sysconfig
from pathlib import Path

if __name__ == "statistics":
    spec = importlib.util.spec_from_file_location("statistics", Path(sysconfig.get_path("stdlib")) / "statistics.py")
    assert spec is not None and spec.loader is not None
    sys.modules["statistics"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["statistics"])

if __name__ == "__main__":
    from statistics_tasks import main

    main()
