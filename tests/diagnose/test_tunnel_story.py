"""The sentences about a tunnel: one for everything that the code can say, and no other."""

import re
from pathlib import Path

from glasstunnel.diagnose.tunnel import causes, story
from glasstunnel.diagnose.tunnel.evidence import Got
from glasstunnel.diagnose.tunnel.remedies import _MAKERS

SOURCE = Path(story.__file__).parent


def test_every_cause_and_outcome_has_a_sentence_and_every_cause_one_class() -> None:
    assert story.CAUSES.keys() == set(causes.Cause)
    assert story.GOT.keys() == set(Got)
    classed = [cause for _, found in causes.CLASSES.values() for cause in found]
    assert sorted(classed) == sorted(causes.Cause)


def test_every_cause_that_is_a_fault_has_a_remedy() -> None:
    assert _MAKERS.keys() == set(causes.Cause) - {causes.Cause.ALL_WELL}


def test_every_fact_remedy_and_warning_of_the_code_has_a_sentence_and_no_other() -> None:
    code = "".join(path.read_text() for path in SOURCE.rglob("*.py") if path.name != "story.py")
    quoted = set(re.findall(r'"([a-z0-9_-]+)"', code))
    said = {word.replace("_", "-") for word in quoted}
    assert set(re.findall(r'\bfact\(\s*"([a-z0-9-]+)"', code)) <= story.FACTS.keys()
    assert set(re.findall(r'Remedy\(\s*"([a-z-]+)"', code)) <= story.REMEDIES.keys()
    for table in (story.FACTS, story.REMEDIES, story.WARNINGS):
        assert table.keys() <= said
