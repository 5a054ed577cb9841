"""The version of this program; documents name it as their generator."""

VERSION = "0.1.0"
