"""The version of this program. A new version reads every seed and renders every feed again."""

VERSION = "0.1.0"
