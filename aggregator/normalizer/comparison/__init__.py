"""How alike the texts of two items are: the same text elsewhere (a copy), or another text on the same event (coverage).

Look here if two items are taken for copies and are none, or the other way round. A copy and a coverage are relations of
two items of different sources; a *story*, elsewhere in this program, is what seeds with one link tell.
"""
