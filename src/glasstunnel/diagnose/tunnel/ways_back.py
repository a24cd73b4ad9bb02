"""What several remedies have in common: a finding's values, and taking a tunnel down and up again.

Rule: the tool that has taken a tunnel up takes it down: ours for our devices, wg-quick for those of others.
"""

import shlex

from glasstunnel.diagnose.remedy import Remedy
from glasstunnel.diagnose.tunnel.evidence import Evidence, Kind, Peer
from glasstunnel.diagnose.tunnel.finding import Finding


def peer_of(finding: Finding, evidence: Evidence) -> Peer | None:
    """The peer of a finding, or the only one."""
    found = next((one for one in evidence.peers if one.key == finding.peer), None)
    return found or (evidence.peers[0] if len(evidence.peers) == 1 else None)


def value(finding: Finding, name: str) -> str:
    """A value of the finding's facts, "" if none has it."""
    return next((fact.values[name] for fact in finding.facts if name in fact.values), "")


def is_(finding: Finding, code: str) -> bool:
    """Whether a fact of this code is among its evidence."""
    return any(fact.code == code for fact in finding.facts)


def again(code: str, evidence: Evidence) -> Remedy:
    """Down and up again, which sets addresses and routes with it."""
    tool = "wg-quick" if evidence.kind is Kind.OTHER else "glasstunnel"
    subject = shlex.quote(evidence.subject) if evidence.file else "CONFIG"
    warnings = ("loses-session",) if evidence.file else ("loses-session", "placeholder")
    return Remedy(code, "system", (f"{tool} down {subject}", f"{tool} up {subject}"), (), warnings)
