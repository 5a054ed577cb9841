"""The version of this program; another one reads every seed and renders every feed once more."""

VERSION = "0.1.0"
