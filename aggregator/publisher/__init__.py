"""Writes documents to files or objects, atomically, and notifies the hub.

Look here if a file or an object is not written, or the hub is not notified.
"""
