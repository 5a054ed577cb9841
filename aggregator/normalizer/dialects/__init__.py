"""Files that were written for another program, read as seeds: what each dialect holds, and how. Pure."""
