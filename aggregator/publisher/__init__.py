"""Documents to files or objects, atomically, and the hub that is told of them.

Look here if a file or an object is not written, or the hub is not told.
"""
