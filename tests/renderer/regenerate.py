"""Write the golden documents again, for a review of the diff: `PYTHONPATH=. python tests/renderer/regenerate.py`."""

from pathlib import Path

from conftest import documents

CASES = Path(__file__).parents[1] / "cases" / "render"

if __name__ == "__main__":
    for suffix, document in documents().items():
        (CASES / f"full.{suffix}").write_bytes(document.body)
