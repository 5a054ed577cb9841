"""The expression: one language that chooses items, for rules, feeds by query, `aggregator find` and HTTP.

`parser` turns text into a tree of frozen values (`tree`), `printer` turns that into text again. What a field is called
and which values it takes is in `fields`. Nothing here knows seeds: `normalizer.matching` evaluates trees. Pure.
"""
