"""Captures and key logs as bytes, in the formats that Wireshark reads.

Rule: nothing is opened or written here; each function returns the bytes that are to be appended to a file.
"""
