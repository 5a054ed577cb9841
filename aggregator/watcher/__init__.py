"""Finds out which seeds are new, changed or gone: events are hints, the folder is the truth.

Look here if a change is not noticed.
"""
