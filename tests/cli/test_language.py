"""The Chinese catalogue: whole, in step with the code, compiled from what is committed."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from glasstunnel.cli.language import LOCALE, translator

SOURCE = Path(__file__).parent.parent.parent / "src" / "glasstunnel"
TELLERS = (SOURCE / "cli", SOURCE / "diagnose")
CHINESE = LOCALE / "zh" / "LC_MESSAGES"


@pytest.fixture
def catalogue() -> Catalog:
    with (CHINESE / "glasstunnel.po").open("rb") as file:
        return read_po(file, locale="zh")


def translations(catalogue: Catalog) -> dict[object, object]:
    return {message.id: message.string for message in catalogue if message.id}


def test_every_text_of_the_code_is_translated_and_no_other(catalogue: Catalog) -> None:
    texts = {text for folder in TELLERS for _, _, text, _, _ in extract_from_dir(folder)}
    assert len(texts) > 30
    assert set(translations(catalogue)) == texts
    assert all(translations(catalogue).values())


def test_a_translation_fills_in_the_same_facts(catalogue: Catalog) -> None:
    for english, chinese in translations(catalogue).items():
        assert sorted(re.findall(r"{[^}]*}", str(english))) == sorted(re.findall(r"{[^}]*}", str(chinese)))


def test_the_compiled_catalogue_is_that_of_the_source(catalogue: Catalog) -> None:
    """Up to its header, which names the version of Babel that has compiled it."""
    with (CHINESE / "glasstunnel.mo").open("rb") as file:
        compiled = translations(read_mo(file))
    assert compiled == translations(catalogue), "pybabel compile -d src/glasstunnel/locale -D glasstunnel"


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "密钥"),
        ({"LANG": "zh_TW.UTF-8"}, "密钥"),
        ({"LANG": "en_US.UTF-8"}, "Keys"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "Keys"),
        ({"LANG": "C", "LC_MESSAGES": "zh_CN.UTF-8"}, "密钥"),
        ({}, "Keys"),
    ],
)
def test_the_language_is_the_environments(
    variables: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert translator()("Keys") == told
