"""The search of this book against others, on the labelled queries of tests/sphinxzh, and how long it takes.

The rule: every program gets the same sections, is asked in the same browser over http with the queries as
they were typed, and cuts them as it does by itself.
"""
