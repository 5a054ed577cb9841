"""A source is not asked, asked rudely, or taken in wrongly.

The collector does one thing: it writes seeds from the entries of upstream feeds. What decides is pure (when to ask
next, what an answer means, which entries are new, which guard holds them); the shell asks and writes. A site without
sources imports nothing of this.
"""
