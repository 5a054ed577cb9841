"""The memory of a site, in SQLite: seeds, stories, ids, entries of feeds, archive pages and tombstones.

Look here for ids, duplicates, tombstones, the state folder and damage.
"""
