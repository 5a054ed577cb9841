"""Read the bytes of seeds, and decide by the rules which items feeds may show. Pure.

Look here if a seed is rejected, or an item is held back, cleaned or recognised wrongly.
"""
