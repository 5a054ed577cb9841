"""The daemon: what it waits for, when it takes a turn, and how it starts, reloads and stops.

Look here if the daemon does not react, stop or reload.
"""
