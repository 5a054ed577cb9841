"""The vocabulary of the program: seeds, items, feeds, reports, names and URLs. Pure.

Look here if a name, slug, URL or value has the wrong form.
"""
