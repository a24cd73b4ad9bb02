"""The fundamental handshake patterns, in the very lines of the specification (sections 7.4 and 7.5).

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

PATTERNS = {
    pattern.name: pattern
    for text in (ONE_WAY_PATTERNS, INTERACTIVE_PATTERNS)
    for pattern in map(parse_pattern, text.strip().split("\n\n"))
}
"""The three and the twelve, by name."""
