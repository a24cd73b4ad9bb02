"""Running a tunnel for real: keys and configuration files in the formats of wg(8) and wg-quick(8).

Rule: what the stock tools accept works here with the same meaning, and what is wrong is said in one sentence
with file and line. No secret is ever part of such a sentence or of a ``repr``.
"""
