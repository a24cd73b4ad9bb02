"""The handshake patterns, in the very lines of the specification (sections 7.4 to 7.6, and appendix 18.1).

Rule: a pattern is data. What is written here is all that the package knows about any one of them; the parser,
the validity rules and the state machine are the same for all.
"""

from .handshakepattern import parse_pattern

ONE_WAY_PATTERNS = """
N:
  <- s
  ...
  -> e, es

K:
  -> s
  <- s
  ...
  -> e, es, ss

X:
  <- s
  ...
  -> e, es, s, ss
"""
"""Section 7.4. The letter tells of the sender's static key: None, Known to the recipient, or Xmitted."""

INTERACTIVE_PATTERNS = """
NN:
  -> e
  <- e, ee

KN:
  -> s
  ...
  -> e
  <- e, ee, se

NK:
  <- s
  ...
  -> e, es
  <- e, ee

KK:
  -> s
  <- s
  ...
  -> e, es, ss
  <- e, ee, se

NX:
  -> e
  <- e, ee, s, es

KX:
  -> s
  ...
  -> e
  <- e, ee, se, s, es

XN:
  -> e
  <- e, ee
  -> s, se

IN:
  -> e, s
  <- e, ee, se

XK:
  <- s
  ...
  -> e, es
  <- e, ee
  -> s, se

IK:
  <- s
  ...
  -> e, es, s, ss
  <- e, ee, se

XX:
  -> e
  <- e, ee, s, es
  -> s, se

IX:
  -> e, s
  <- e, ee, se, s, es
"""
"""Section 7.5. The first letter tells of the initiator's static key, the second of the responder's: None,
Known, Xmitted, or Immediately transmitted."""

DEFERRED_PATTERNS = """
NK1:
  <- s
  ...
  -> e
  <- e, ee, es

NX1:
  -> e
  <- e, ee, s
  -> es

X1N:
  -> e
  <- e, ee
  -> s
  <- se

X1K:
  <- s
  ...
  -> e, es
  <- e, ee
  -> s
  <- se

XK1:
  <- s
  ...
  -> e
  <- e, ee, es
  -> s, se

X1K1:
  <- s
  ...
  -> e
  <- e, ee, es
  -> s
  <- se

X1X:
  -> e
  <- e, ee, s, es
  -> s
  <- se

XX1:
  -> e
  <- e, ee, s
  -> es, s, se

X1X1:
  -> e
  <- e, ee, s
  -> es, s
  <- se

K1N:
  -> s
  ...
  -> e
  <- e, ee
  -> se

K1K:
  -> s
  <- s
  ...
  -> e, es
  <- e, ee
  -> se

KK1:
  -> s
  <- s
  ...
  -> e
  <- e, ee, se, es

K1K1:
  -> s
  <- s
  ...
  -> e
  <- e, ee, es
  -> se

K1X:
  -> s
  ...
  -> e
  <- e, ee, s, es
  -> se

KX1:
  -> s
  ...
  -> e
  <- e, ee, se, s
  -> es

K1X1:
  -> s
  ...
  -> e
  <- e, ee, s
  -> se, es

I1N:
  -> e, s
  <- e, ee
  -> se

I1K:
  <- s
  ...
  -> e, es, s
  <- e, ee
  -> se

IK1:
  <- s
  ...
  -> e, s
  <- e, ee, se, es

I1K1:
  <- s
  ...
  -> e, s
  <- e, ee, es
  -> se

I1X:
  -> e, s
  <- e, ee, s, es
  -> se

IX1:
  -> e, s
  <- e, ee, se, s
  -> es

I1X1:
  -> e, s
  <- e, ee, s
  -> se, es
"""
"""Section 7.6 and appendix 18.1. A ``1`` after a letter defers the DH that authenticates that party,
``se`` for the first letter and ``es`` for the second, to a later message."""

PATTERNS = {
    pattern.name: pattern
    for text in (ONE_WAY_PATTERNS, INTERACTIVE_PATTERNS, DEFERRED_PATTERNS)
    for pattern in map(parse_pattern, text.strip().split("\n\n"))
}
"""The three one-way, the twelve fundamental and the twenty-three deferred patterns, by name."""
