"""Files that people write, read into models: target, profile and SLO file. Every error names file, key and remedy.

May import core alone.
"""
