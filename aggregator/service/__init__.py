"""The daemon: its inbox, loop, turns and self-check, and how it starts, reloads and stops.

Look here if the daemon does not react, stop or reload.
"""
