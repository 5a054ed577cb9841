"""The words of the program: seeds, items, feeds, reports, names and URLs. Pure values.

Look here if a name, slug, URL or value has the wrong form.
"""
