"""Write what becomes of each body in `tests/cases/bodies/`: `PYTHONPATH=tests/normalizer python tests/normalizer/regenerate_bodies.py`.

Read the difference before committing it.
"""

from test_bodies import CASES, FOLDER

if __name__ == "__main__":
    for case in CASES:
        (FOLDER / f"{case.name}.html").write_text(case.result)
