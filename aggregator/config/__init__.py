"""The config and the topic files: from YAML to settings, or to every problem in them.

Look here if a config or topic file is refused, or a key is misread.
"""
