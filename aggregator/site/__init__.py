"""One site and its turns: scan, read, decide, render, publish, and what can be said about it.

Look here if a turn does too much, too little or in the wrong order, or if check, explain or status are wrong.
"""
