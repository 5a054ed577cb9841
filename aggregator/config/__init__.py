"""The config: from the YAML of the config and topic files to settings, or to every problem in them.

Look here if a config or topic file is rejected, or a key is misread.
"""
