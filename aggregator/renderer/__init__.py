"""Items and feeds to the bytes of RSS, Atom, JSON Feed, OPML and pages. Pure.

Look here if a feed or a page looks wrong.
"""
