"""The bytes of a seed to an item, by the published and quality rules. Pure.

Look here if a seed is rejected, or an item is held back, cleaned or recognised wrongly.
"""
