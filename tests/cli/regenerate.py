"""Write the transcripts in `tests/cases/mistakes/` anew, from what the commands say now; review the diff.

cd tests && python -m cli.regenerate
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from cli.test_mistakes import CASES, as_told

for path in CASES:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path.write_text(as_told(path.read_text(), Path(folder)))
    print(path.name)
