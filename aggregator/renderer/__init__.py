"""Render items and feeds as RSS, Atom, JSON Feed, OPML and pages. Pure.

Look here if a feed or a page looks wrong.
"""
