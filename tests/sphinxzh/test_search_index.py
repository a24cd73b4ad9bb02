"""The search index: the same bytes however it was built, and in it what the pages say."""

import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sphinx.application import Sphinx
from sphinx.errors import ConfigError
from sphinx.util.docutils import docutils_namespace

from sphinxzh.search import tokens, words
from sphinxzh.search.collect import ATTRIBUTE, Text
from sphinxzh.search.index import DIGITS, LEVELS, build, number, postings, weighted
from sphinxzh.search.tokens import fold, parts, terms
from sphinxzh.search.words import Words, readings, user_words

PAGES = {
    "index": "首页\n====\n\n.. toctree::\n\n   tunnel\n   dns\n   old\n\n见 :doc:`dns`。\n",
    "tunnel": "隧道\n====\n\n先握手。\n\n"
    ".. only:: html\n\n   网页才有的话。\n\n.. only:: latex\n\n   纸上才有的话。\n\n"
    "保活\n----\n\n每 25 秒发一个空报文。\n\n.. rst-class:: no-search\n\n机器印出的流水账。\n",
    "dns": "名字污染\n========\n\nDNS 污染与 ``wg_noise_init``。\n\n"
    ".. glossary::\n\n   量子猫\n     一种猫。\n",
    "old": ":nosearch:\n\n旧页\n====\n\n不再有效。\n",
}

DICTIONARY = "html_search_options = {'dict': 'terms.txt'}"


def site(folder: Path, pages: dict[str, str], settings: str = "") -> Path:
    """Write the source of a site."""
    folder.mkdir(parents=True, exist_ok=True)
    setting = f"project = '例'\nlanguage = 'zh_CN'\nextensions = ['sphinxzh']\n{settings}\n"
    (folder / "conf.py").write_text(setting, "utf-8")
    for name, text in pages.items():
        (folder / f"{name}.rst").write_text(text, "utf-8")
    return folder


def make(source: Path, built: Path, options: Sequence[str] = (), builder: str = "html") -> dict[str, bytes]:
    """Build; the index and the texts."""
    command = [sys.executable, "-m", "sphinx", "-b", builder, "-n", "-W", "-q", *options, source, built]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder = built / "_static" / "sphinxzh-search"
    return {path.name: path.read_bytes() for path in [folder / "index.js", *folder.glob("text-*.js")]}


def data(files: dict[str, bytes]) -> dict[str, Any]:
    """The index that a file hands over."""
    text = files["index.js"].decode()
    index: dict[str, Any] = json.loads(text[text.index("(") + 1 : text.rindex(")")])
    return index


def test_folding_evens_out_width_case_and_traditional_characters_and_keeps_the_length() -> None:
    assert fold("ＤＮＳ　Handshake 協議") == "dns handshake 协议"
    assert len(fold("㎏ﬁİ①")) == 4


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("wg_noise_init", ["wg_noise_init", "wg", "noise", "init"]),
        ("SymmetricState", ["symmetricstate", "symmetric", "state"]),
        ("AllowedIPs", ["allowedips", "allowed", "ips"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("x25519", ["x25519", "25519"]),
        ("0a1b2c3d4e5f6071", []),
        ("__init__", ["init"]),
    ],
)
def test_a_word_is_found_by_its_parts_but_a_key_is_no_word(word: str, expected: list[str]) -> None:
    assert list(parts(word)) == expected


def test_han_is_indexed_by_neighbours_and_words_as_they_are() -> None:
    assert terms("DNS污染，盐") == ["dns", "污染", "盐"]
    assert terms("重放窗口") == ["重放", "放窗", "窗口"]


def read_back(text: str) -> list[int]:
    """The numbers of a string, by the rule in the module's docstring."""
    values, value, factor = [], 0, 1
    for digit in map(DIGITS.index, text):
        if digit > 45:
            value, factor = value + (digit - 46) * factor, factor * 45
        else:
            values.append(value + digit * factor)
            value, factor = 0, 1
    return values


def test_numbers_are_written_in_the_base_that_the_docstring_names() -> None:
    values = [0, 45, 46, 90, 91, 2025, 2070, 123456]
    assert read_back("".join(map(number, values))) == values
    assert len(DIGITS) == 91
    assert not set(DIGITS) & set('"\\!\n ')


def test_postings_are_gaps_and_steps() -> None:
    written = postings({7: 3, 0: 11, 8: 0})
    assert read_back(written) == [11, 6 * 2 * LEVELS + 3, 0]


def test_a_term_weighs_more_in_a_title_and_in_a_short_section() -> None:
    def section(title: str, body: str) -> Text:
        return Text("page", "", 1, title, "", body)

    found = weighted([section("握手", "无"), section("无", "握手"), section("无", "握手" + "，别的" * 200)])
    titled, short, long = (found["握手"][section] for section in range(3))
    assert titled - LEVELS > short > long  # LEVELS says that it stands in the title


def test_a_term_weighs_more_where_the_text_gives_its_english_word() -> None:
    def section(body: str) -> Text:
        return Text("page", "", 1, "无", "", body)

    explained, mentioned = "这里讲倒排索引（inverted index）。", "这里讲倒排索引，和别的无关紧要。"
    found = weighted([section(explained), section(mentioned)])["倒排"]
    assert found[0] > found[1]


def test_a_term_weighs_less_in_a_reference_to_where_it_is_told() -> None:
    body = "别处讲握手，这里不讲。"
    told, referred = Text("page", "", 1, "无", "", body), Text("page", "", 1, "无", "", body, links="握手")
    found = weighted([told, referred])
    assert found["握手"][1] < found["握手"][0]
    assert found["别处"][1] >= found["别处"][0]


def test_a_link_that_is_cut_into_other_words_than_its_sentence_is_still_indexed() -> None:
    """The segmenter sees a link's text once alone and once in its sentence."""
    found = weighted([Text("page", "", 1, "无", "", "别的", links="握手 握手")])
    assert found["握手"][0] >= 0
    assert postings(found["握手"])


def test_a_character_is_read_in_every_way_it_has() -> None:
    found = readings("重手")
    assert "重" in found["chong"]
    assert "重" in found["zhong"]
    assert found["shou"] == ["手"]


def test_the_site_s_own_words_are_not_cut_apart() -> None:
    assert "量子猫" not in Words([]).of(["量子猫在此"])
    assert "量子猫" in Words(["量子猫"]).of(["量子猫在此"])


def test_what_may_be_typed_as_pinyin_is_own_words_anywhere_and_whatever_is_a_title() -> None:
    """醒茶 and 鸭屎香 are no words to jieba."""
    texts = [Text("page", "", 1, "醒茶", "", "有一种香气像杏仁，名叫鸭屎香。")]
    index = build(texts, {"page": "page.html"}, ["鸭屎香", "不在这里"])
    assert index["words"].split() == ["鸭屎香"]
    assert index["runs"].split() == ["醒茶"]


def test_a_user_dictionary_is_a_list_or_a_file_of_jieba(tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_text("# 注释\n量子猫 3 n\n\n重放窗口\nWi Fi 直连 5\n握手 v\n", "utf-8")
    inside = ["量子猫", "重放窗口", "Wi Fi 直连", "握手"]
    assert user_words("terms.txt", tmp_path, "sphinxzh_userdict") == inside
    assert user_words(Path("terms.txt"), tmp_path, "sphinxzh_userdict") == inside
    assert user_words(["量子猫"], tmp_path, "sphinxzh_userdict") == ["量子猫"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "sphinxzh_userdict = 'missing.txt'",
            r"sphinxzh_userdict: the user dictionary \S+/missing\.txt cannot",
        ),
        (
            "sphinxzh_userdict = 'gbk.txt'",
            r"sphinxzh_userdict: the user dictionary \S+/gbk\.txt cannot be read",
        ),
        (
            "sphinxzh_userdict = 5",
            r"sphinxzh_userdict: expected a list of words or the name of a file, got 5",
        ),
        (
            "sphinxzh_userdict = ['握手', 5]",
            r"expected a list of words or the name of a file, got \['握手', 5\]",
        ),
        (
            "html_search_options = {'dict': 'missing.txt'}",
            r"html_search_options\['dict'\]: the user dictionary",
        ),
    ],
)
def test_a_wrong_user_dictionary_is_named_before_the_build(setting: str, said: str, tmp_path: Path) -> None:
    source = site(tmp_path / "source", PAGES, setting)
    (source / "gbk.txt").write_bytes("量子猫".encode("gbk"))
    with docutils_namespace(), pytest.raises(ConfigError, match=said):
        Sphinx(source, source, tmp_path / "html", tmp_path / "doctrees", "html", status=None)
    assert not list((tmp_path / "html").rglob("*.html"))


def test_a_user_dictionary_of_the_stock_search_is_found_where_sphinx_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sphinx looks for it from the folder in which the build is started."""
    source = site(tmp_path / "source", {"index": "首页\n====\n\n养量子猫。\n"}, DICTIONARY)
    (tmp_path / "terms.txt").write_text("量子猫\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    make(source, tmp_path / "html")
    stock = (tmp_path / "html" / "searchindex.js").read_text("utf-8")
    assert "量子猫" in stock.encode().decode("unicode_escape")


def test_the_index_has_the_sections_as_the_builder_shows_them(tmp_path: Path) -> None:
    source = site(tmp_path / "source", PAGES, "sphinxzh_userdict = ['空报文']")
    files = make(source, tmp_path / "html")
    index = data(files)
    titles = [title for _, _, _, title in index["sections"]]
    assert titles == ["名字污染", "首页", "隧道", "保活"]
    texts = "".join(files[name].decode() for name in sorted(files) if name != "index.js")
    assert "见 名字污染。" in texts  # the title of the other page
    assert "网页才有的话" in texts
    assert "纸上才有的话" not in texts
    assert "不再有效" not in texts
    assert "流水账" not in texts
    assert {"量子猫", "空报文"} <= set(index["words"].split())  # a term, and a word of the user dictionary


@pytest.mark.parametrize("builder", ["html", "dirhtml", "singlehtml"])
def test_parallel_and_incremental_builds_give_the_bytes_of_a_clean_one(builder: str, tmp_path: Path) -> None:
    # Sphinx reads in parallel from more than five documents on.
    pages = {
        **PAGES,
        **{f"page{n}": f":orphan:\n\n第{n}页\n=====\n\n正文{n}，重放窗口。\n" for n in range(9)},
    }
    changed = {
        **pages,
        "dns": PAGES["dns"].replace("名字污染", "域名污染"),
        "page3": pages["page3"] + "\n又及。\n",
    }
    source = site(tmp_path / "source", pages)
    before = make(source, tmp_path / "kept", builder=builder)
    assert make(source, tmp_path / "parallel", ["-j", "2"], builder) == before
    site(source, changed)
    (source / "page8.rst").unlink()
    after = make(source, tmp_path / "kept", builder=builder)
    assert after == make(source, tmp_path / "clean", builder=builder)
    assert after != before


def test_the_names_in_a_glossary_stand_for_each_other(tmp_path: Path) -> None:
    glossary = ".. glossary::\n\n   预共享密钥\n   pre-shared key\n     事先约好。\n\n   盐\n     随机数。\n"
    pages = {
        "index": f"术语\n====\n\n{glossary}\n也写作 PSK。\n",
    }
    index = data(make(site(tmp_path / "source", pages), tmp_path / "html"))
    assert index["synonyms"] == [["预共享密钥", "pre-shared key", "psk"]]


def test_documents_that_were_read_without_the_search_are_read_again(tmp_path: Path) -> None:
    source, built = site(tmp_path / "source", PAGES), tmp_path / "html"
    before = make(source, built)
    kept = built / ".doctrees" / "environment.pickle"
    environment = pickle.loads(kept.read_bytes())
    del environment.__dict__[ATTRIBUTE]
    kept.write_bytes(pickle.dumps(environment))
    assert make(source, built) == before


def test_pages_name_the_script_and_do_not_load_the_index(tmp_path: Path) -> None:
    source = site(tmp_path / "source", PAGES)
    make(source, tmp_path / "html")
    page = (tmp_path / "html" / "index.html").read_text("utf-8")
    assert "sphinxzh-search.js" in page
    assert "sphinxzh-search.css" in page
    assert "sphinxzh-search/index.js" not in page


def test_without_the_extra_there_is_no_pinyin_and_a_character_is_only_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = (words._syllables, tokens.simplified, tokens._folds)
    for name in ("opencc", "pypinyin"):
        monkeypatch.setitem(sys.modules, name, None)
    try:
        for table in tables:
            table.cache_clear()
        assert words.readings("握手") == {}
        assert tokens.fold("傳輸ＡＢ") == "傳輸ab"
    finally:
        for table in tables:
            table.cache_clear()
