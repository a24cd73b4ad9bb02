/* Hits made visible: in the results, and in the page that was opened.
 *
 * The rule: what is marked is the text as it stands; it is found in the folded text, which is as long. */
"use strict";

(() => {
  const { fold, isHan } = window.sphinxzhSearch;
  const SNIPPET = 110; // characters
  const BEFORE = 20; // of them, ahead of the first hit
  const NOT_PROSE = "script, style, nav, svg, .sphinxzh-search, .headerlink";

  const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

  /** An expression for words in folded text, the longest first; short words of letters must stand alone. */
  function expressionOf(words) {
    const ways = [...new Set(words)]
      .filter(Boolean)
      .sort((a, b) => b.length - a.length)
      .map((word) => {
        const isInside = isHan(word) || word.length > 3;
        return isInside ? escaped(word) : `(?<![a-z0-9])${escaped(word)}(?![a-z0-9])`;
      });
    return new RegExp(ways.join("|") || "(?!)", "gu");
  }

  const hitsIn = (text, expression) => [...fold(text).matchAll(expression)];

  /** The different hits of a text, as they are written there. */
  function wordsIn(text, expression) {
    const found = new Map();
    for (const { index, 0: hit } of hitsIn(text, expression))
      found.set(hit, text.slice(index, index + hit.length));
    return [...found.values()];
  }

  /** A text as nodes, its hits in `mark` elements. */
  function marked(text, expression, className = "") {
    const nodes = [];
    let last = 0;
    for (const { index, 0: hit } of hitsIn(text, expression)) {
      const mark = document.createElement("mark");
      mark.className = className;
      mark.textContent = text.slice(index, index + hit.length);
      nodes.push(text.slice(last, index), mark);
      last = index + hit.length;
    }
    return [...nodes, text.slice(last)];
  }

  /** The part of a text with the most characters of different hits. */
  function snippet(text, expression) {
    const hits = hitsIn(text, expression);
    let start = 0;
    let most = 0;
    for (const { index } of hits) {
      const within = hits.filter((hit) => hit.index >= index && hit.index < index + SNIPPET - BEFORE);
      const value = [...new Set(within.map(([hit]) => hit))].join("").length;
      if (value > most) [start, most] = [index, value];
    }
    start = Math.max(0, start - BEFORE);
    const end = start + SNIPPET;
    return (start ? "…" : "") + text.slice(start, end) + (end < text.length ? "…" : "");
  }

  /** Mark words in the page that is open, and nothing else. */
  function markPage(words) {
    unmarkPage();
    const expression = expressionOf(words.map(fold));
    const area = document.querySelector("[role=main], article, main, div.body") ?? document.body;
    const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT, (node) =>
      node.parentElement.closest(NOT_PROSE) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
    );
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (const text of texts) {
      const nodes = marked(text.data, expression, "sphinxzh-hit");
      if (nodes.length > 1) text.replaceWith(...nodes);
    }
  }

  function unmarkPage() {
    for (const mark of document.querySelectorAll("mark.sphinxzh-hit")) {
      const around = mark.parentNode;
      mark.replaceWith(...mark.childNodes);
      around.normalize();
    }
  }

  Object.assign(window.sphinxzhSearch, { expressionOf, wordsIn, marked, snippet, markPage, unmarkPage });
})();
