/* Search of a Chinese site, as the reader types.  The index is made by sphinxzh/search/index.py; its form and
 * the ranking are told there.
 *
 * The rule: nothing is fetched before the reader searches, and then only scripts beside this one, so that it
 * works from a folder (file://) too.  No eval, no inline style: a strict content security policy allows it. */
"use strict";

const sphinxzhSearch = (() => {
  const here = new URL(document.currentScript.src);
  const root = new URL("../", here); // of the site: this file stands in _static
  const single = () => ask.index.docs.some((url) => url.startsWith("#"));
  const HAN =
    "\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uac00-\\ud7af\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
  const PIECE = new RegExp(`[${HAN}]+|(?:(?![${HAN}])[\\p{L}\\p{N}_])+`, "gu");
  const IS_HAN = new RegExp(`^[${HAN}]`, "u");
  const ASKING = new Set(
    "如何 怎么 怎么样 怎么办 怎样 为什么 为何 什么 什么是 哪里 哪些 哪个 是否 多少 能否 可以 是什么 的 了 吗 呢 是 在 和 与 把 被 要".split(
      " ",
    ),
  );
  const LIMIT = 20;

  // -- Files ------------------------------------------------------------------------------------------------
  const loads = new Map(),
    waiting = new Map();

  /** Load a script of the index once; what it hands over. */
  function load(name) {
    if (!loads.has(name)) {
      loads.set(
        name,
        new Promise((resolve, reject) => {
          waiting.set(name, resolve);
          const script = document.createElement("script");
          script.src = new URL(`sphinxzh-search/${name}`, here).href;
          script.onerror = () => {
            loads.delete(name);
            reject(new Error(`${name} cannot be loaded`));
          };
          document.head.append(script);
        }),
      );
    }
    return loads.get(name);
  }

  // -- The index --------------------------------------------------------------------------------------------
  const fold = (text) =>
    Array.from({ length: text.length }, (_, at) => {
      let unit = text[at];
      for (const changed of [unit.normalize("NFKC"), unit.toLowerCase()])
        if (changed.length === 1) unit = changed;
      unit = unit.toLowerCase().length === 1 ? unit.toLowerCase() : unit;
      return ask.index?.fold.get(unit) ?? unit;
    }).join("");

  /** Make the index that came as strings ready for look-ups. */
  function unpack(data) {
    const fold_ = new Map(),
      han = new Map(),
      latin = new Map(),
      readings = new Map();
    const folds = Array.from(data.fold);
    for (let i = 0; i < folds.length; i += 2) fold_.set(folds[i], folds[i + 1]);
    ask.index = {
      ...data,
      fold: fold_,
      han,
      latin,
      readings,
      words: data.words.split(" ").filter(Boolean),
      cache: new Map(),
    };
    for (const line of data.han.split("\n"))
      if (line) han.set(String.fromCodePoint(line.codePointAt(0)), line);
    let term = "";
    for (const line of data.latin.split("\n")) {
      const end = line.indexOf(" ");
      term = term.slice(0, line.charCodeAt(0) - 0x23) + line.slice(1, end);
      if (line) latin.set(term, line.slice(end + 1));
    }
    for (const entry of data.readings.split(" ")) {
      const [, syllable, characters] = /^([a-z]*)(.*)$/u.exec(entry);
      for (const one of characters) readings.set(one, [...(readings.get(one) ?? []), syllable]);
    }
    ask.index.known = new Set(ask.index.words);
    const path = [];
    let first = 0;
    ask.index.sections = data.sections.map(([doc, depth, anchor, title], number, all) => {
      if (!number || all[number - 1][0] !== doc) {
        path.length = 0;
        first = number;
      }
      path.length = Math.min(path.length, depth);
      const above = path.filter(Boolean);
      path[depth] = title;
      return {
        doc,
        anchor,
        title: title || "（页首）",
        above,
        row: number - first,
        folded: fold(title).replace(/\s+/g, ""),
        foldedPath: fold(above.join(" ")),
      };
    });
    return ask.index;
  }

  /** The number at a place of a posting list, and the place after it. */
  function* decoded(text) {
    let section = -1,
      value = 0,
      factor = 1;
    for (let i = 0; i < text.length; i++) {
      let digit = text.charCodeAt(i) - 0x23;
      if (digit > 0x5c - 0x23) digit--; // the backslash is not a digit
      if (digit > 45) {
        value += (digit - 46) * factor;
        factor *= 45;
        continue;
      }
      value += digit * factor;
      section += Math.floor(value / ask.index.levels) + 1;
      yield [section, ((value % ask.index.levels) + 0.5) / ask.index.levels];
      value = 0;
      factor = 1;
    }
  }

  /** What the index has of two neighbouring characters: postings, and whether they are a word. */
  function pair(first, second) {
    const line = ask.index.han.get(first);
    const at = line === undefined ? -1 : line.indexOf(second, first.length);
    if (at < 0) return null;
    const [, mark, text] = /^(!?)([\x23-\x7e]*)/.exec(line.slice(at + second.length));
    return { word: mark === "!", text };
  }

  /** Sections of a term, with the weight of the term in each. */
  function postings(term) {
    const { cache, han, latin } = ask.index;
    if (cache.has(term)) return cache.get(term);
    let found = new Map();
    const units = Array.from(term);
    if (!IS_HAN.test(term)) found = new Map(decoded(latin.get(term) ?? ""));
    else if (units.length === 1) {
      const put = (text) => {
        for (const [section, weight] of decoded(text))
          found.set(section, Math.max(weight, found.get(section) ?? 0));
      };
      for (const list of (han.get(term) ?? "").match(/[\x23-\x7e]+/g) ?? []) put(list);
      for (const first of han.keys()) if (first !== term) put(pair(first, term)?.text ?? "");
    } else {
      units.slice(1).forEach((unit, i) => {
        // all pairs of a word must be there
        const next = new Map(decoded(pair(units[i], unit)?.text ?? ""));
        if (i) {
          for (const [section, weight] of found)
            next.has(section)
              ? found.set(section, Math.min(weight, next.get(section)))
              : found.delete(section);
        } else found = next;
      });
    }
    cache.set(term, found);
    return found;
  }

  const idf = (term) => {
    const n = postings(term).size;
    return Math.log(1 + (ask.index.sections.length - n + 0.5) / (n + 0.5));
  };
  const isWord = (run) =>
    ask.index.known.has(run) ||
    ASKING.has(run) ||
    (Array.from(run).length === 2 && pair(...Array.from(run))?.word === true);

  // -- The query --------------------------------------------------------------------------------------------
  /** Cut a run into the index's words: the fewest pieces win, a character outside a word counts as two. */
  function cut(run) {
    const units = Array.from(run),
      best = [{ cost: 0, words: [] }];
    for (let end = 1; end <= units.length; end++) {
      for (let start = Math.max(0, end - 12); start < end; start++) {
        const word = units.slice(start, end).join(""),
          alone = end - start === 1;
        if (!alone && !isWord(word)) continue;
        const cost = best[start].cost + (alone ? 2 : 1);
        if (!best[end] || cost < best[end].cost) best[end] = { cost, words: [...best[start].words, word] };
      }
    }
    return best[units.length].words;
  }

  /** A run without the words that only ask, unless there is nothing else. */
  function topics(run) {
    const words = ask.index.known.has(run) ? [run] : cut(run);
    const kept = words
      .map((word) => (ASKING.has(word) ? " " : word))
      .join("")
      .split(" ")
      .filter(Boolean);
    return kept.length ? kept : [run];
  }

  /** Words by how they are read in full and by their first letters. */
  function spoken() {
    const { index } = ask;
    if (index.spoken) return index.spoken;
    const full = new Map(),
      initials = new Map();
    const add = (map, key, word) => {
      const list = map.get(key) ?? [];
      if (!list.includes(word)) map.set(key, [...list, word]);
    };
    const read = (word, own) => {
      let ways = [["", ""]];
      for (const unit of word) {
        const some = index.readings.get(unit) ?? [];
        ways = ways.flatMap(([all, first]) => some.map((s) => [all + s, first + s[0]])).slice(0, 24);
      }
      for (const [all, first] of ways) {
        add(full, all, word);
        if (own) add(initials, first, word);
      }
    };
    for (const word of [...index.words, ...index.runs.split(" ")]) if (word) read(word, true);
    for (const [first, line] of index.han)
      for (const [, second] of line.matchAll(/([^\x21-\x7e])!/gu)) read(first + second, false);
    return (index.spoken = { full, initials });
  }

  /** Words that a row of letters may mean in pinyin: one list of choices for each word of it. */
  function fromPinyin(letters) {
    if (!/^[a-z]{2,}$/.test(letters)) return [];
    const { full, initials } = spoken();
    if (full.has(letters)) return [full.get(letters).slice(0, 4)];
    if (letters.length <= 6 && initials.has(letters)) return [initials.get(letters).slice(0, 3)];
    const best = [[]];
    for (let end = 2; end <= letters.length; end++)
      for (let start = 0; start < end - 1; start++)
        if (
          best[start] &&
          full.has(letters.slice(start, end)) &&
          (!best[end] || best[start].length + 1 < best[end].length)
        )
          best[end] = [...best[start], full.get(letters.slice(start, end)).slice(0, 2)];
    if (best[letters.length]) return best[letters.length];
    if (letters.length < 3) return [];
    const begun = [...full]
      .filter(([key]) => key.startsWith(letters))
      .flatMap(([, list]) => list)
      .filter((word) => ask.index.known.has(word));
    return begun.length ? [ask.index.words.filter((word) => begun.includes(word)).slice(0, 3)] : [];
  }

  /** The pieces of a query; syllables of pinyin that were typed apart become one piece. */
  function spelled(found) {
    const joined = found.join("").toLowerCase();
    const apart =
      found.length > 1 &&
      found.every((piece) => /^[a-z]{1,6}$/i.test(piece)) &&
      !found.every((piece) => ask.index.latin.has(piece.toLowerCase()));
    return apart && fromPinyin(joined).length ? [joined] : found;
  }

  /** Whether two words differ by one character: another, one more, one less, or two exchanged. */
  function near(a, b) {
    if (a === b || Math.abs(a.length - b.length) > 1) return false;
    let i = 0,
      j = 0;
    while (i < Math.min(a.length, b.length) && a[i] === b[i]) i++;
    while (j < Math.min(a.length, b.length) - i && a.at(-1 - j) === b.at(-1 - j)) j++;
    const [restA, restB] = [a.slice(i, a.length - j), b.slice(i, b.length - j)];
    return (
      Math.max(restA.length, restB.length) < 2 ||
      (restA.length === 2 && restA[0] === restB[1] && restA[1] === restB[0])
    );
  }

  /** A word of letters as needs; each need is a list of [term, factor], of which the best counts. */
  function letters(word, parts, asked) {
    const { latin } = ask.index;
    const longer =
      word.length > 1
        ? [...latin.keys()]
            .filter((term) => term !== word && term.startsWith(word))
            .sort((a, b) => a.length - b.length)
            .slice(0, 8)
        : [];
    if (latin.has(word)) return [[[word, 1], ...(word.length > 2 ? longer.map((term) => [term, 0.5]) : [])]];
    const stem = [/ies$/, /es$/, /s$/, /ing$/, /ed$/, /d$/]
      .map((end) => word.replace(end, end.source === "ies$" ? "y" : ""))
      .find((form) => form !== word && form.length > 2 && latin.has(form));
    if (stem) return [[[stem, 0.9]]];
    const meant = fromPinyin(word);
    if (meant.length) {
      asked.meant = meant.map((choices) => choices[0]).join("");
      return meant.map((choices, i) => [
        ...choices.map((term, rank) => [term, 1 / (1 + rank)]),
        ...(meant.length === 1 && !i ? longer.map((term) => [term, 0.6]) : []),
      ]);
    }
    if (longer.length) return [longer.map((term) => [term, 0.8])];
    if (parts.length > 1 && parts.every((part) => latin.has(part))) return parts.map((part) => [[part, 1]]);
    const best = [[]]; // several words written as one
    for (let end = 2; end <= word.length; end++)
      for (let start = 0; start < end - 1; start++)
        if (
          best[start] &&
          latin.has(word.slice(start, end)) &&
          (!best[end] || best[start].length + 1 < best[end].length)
        )
          best[end] = [...best[start], word.slice(start, end)];
    if (best[word.length] && best[word.length].length < 4)
      return best[word.length].map((part) => [[part, 1]]);
    const close =
      word.length > 2
        ? [...latin.keys()]
            .filter((term) => term.length > 2 && /[^\d]/.test(term) && near(word, term))
            .sort((a, b) => postings(b).size - postings(a).size)
        : [];
    const spelt =
      !close.length && /^[a-z]{4,}$/.test(word)
        ? [...spoken().full]
            .filter(([key]) => near(key, word))
            .flatMap(([, list]) => list)
            .filter((term) => ask.index.known.has(term))
        : [];
    if (close.length || spelt.length) asked.guess = close[0] ?? spelt[0];
    else return parts.filter((part) => latin.has(part)).map((part) => [[part, 1]]);
    return [(close.length ? close : spelt).slice(0, 3).map((term, rank) => [term, 1 / (1 + rank)])];
  }

  /** A run with one character put right, when the index has a word of its own for it. */
  function righted(run) {
    const units = Array.from(run),
      { words, readings } = ask.index;
    const lost = units.map(
      (unit, i) => !(i && pair(units[i - 1], unit)) && !(i + 1 < units.length && pair(unit, units[i + 1])),
    );
    const alike = (a, b) => (readings.get(a) ?? []).some((s) => (readings.get(b) ?? []).includes(s));
    let best = null;
    const consider = (word, start, length) => {
      const old = units.slice(start, start + length),
        now = Array.from(word);
      const sound =
        old.length === now.length && old.every((unit, i) => unit === now[i] || alike(unit, now[i]));
      if ((!sound && !near(old, now)) || old.join("").includes(word)) return;
      // What sounds alike is a slip of the input method.  Anything else must fit the whole run, or a longer word.
      if (!sound && length < units.length && (now.length < 3 || old.length !== now.length)) return;
      const score =
        2 * now.length +
        (sound ? 3 : 0) +
        (ask.index.known.has(word) ? 2 : 0) +
        Math.log(1 + postings(word).size) / 4 -
        (length - now.length) ** 2;
      if (!best || score > best.score)
        best = {
          score,
          word,
          text: [...units.slice(0, start), word, ...units.slice(start + length)].join(""),
        };
    };
    const span = (start, length) =>
      start >= 0 && start + length <= units.length && lost.slice(start, start + length).some(Boolean);
    for (const word of words) {
      const size = Array.from(word).length;
      for (const length of [size, size + 1, size - 1])
        if (length > 1)
          for (let start = 0; start + length <= units.length; start++)
            if (span(start, length)) consider(word, start, length);
    }
    if (!best)
      units.forEach((unit, i) => {
        // any word of two characters that shares the other character
        if (lost[i] && i)
          for (const [, second] of (ask.index.han.get(units[i - 1]) ?? "").matchAll(/([^\x21-\x7e])!/gu))
            consider(units[i - 1] + second, i - 1, 2);
        if (lost[i] && i + 1 < units.length)
          for (const first of ask.index.han.keys())
            if (pair(first, units[i + 1])?.word) consider(first + units[i + 1], i, 2);
      });
    return best?.text ?? null;
  }

  /** The sections that answer a query, best first.  The index must be loaded. */
  function ask(query) {
    const asked = { guess: "", meant: "", needs: [], extra: [], marks: new Set() };
    const plain = query
      .normalize("NFKC")
      .replace(/([a-z])['’]([a-z])/gi, "$1$2")
      .trim();
    const found = spelled(plain.match(PIECE) ?? []);
    const folded = fold(plain.toLowerCase());
    for (let piece of found) {
      const parts = [
        ...(piece.match(/[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\dA-Za-z_]+|\d+/g) ?? []),
      ]
        .map((part) => part.toLowerCase())
        .filter((part) => part.length > 1);
      piece = fold(piece.toLowerCase()).replace(/^_+|_+$/g, "");
      if (!piece) continue;
      if (!IS_HAN.test(piece)) {
        asked.needs.push(...letters(piece, parts, asked).filter((need) => need.length));
        continue;
      }
      for (let run of topics(piece)) {
        const units = Array.from(run);
        if (
          units.length > 1 &&
          units.some(
            (unit, i) =>
              !(i && pair(units[i - 1], unit)) && !(i + 1 < units.length && pair(unit, units[i + 1])),
          )
        ) {
          const better = righted(run);
          if (better) {
            asked.guess += better;
            run = better;
          }
        }
        const words = cut(run),
          whole = Array.from(run);
        const long = words.filter((word) => Array.from(word).length > 1);
        for (const word of long) asked.needs.push([[word, 1]]);
        const pairs = whole
          .slice(1)
          .map((unit, i) => whole[i] + unit)
          .filter((two) => postings(two).size);
        if (!long.length)
          for (const two of pairs.length ? pairs : whole.length === 1 ? whole : [])
            asked.needs.push([[two, 1]]);
        asked.extra.push(...pairs.filter((two) => !long.includes(two)));
        words.forEach((_, from) => {
          // several words in a row are marked as one
          for (let to = words.length; to > from; to--)
            if (to - from > 1) asked.marks.add(words.slice(from, to).join(""));
        });
      }
    }
    return { ...asked, results: ranked(asked, folded.replace(/\s+/g, "")) };
  }

  const neighbours = (text) =>
    new Set(Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2)));

  /** How much two sets share, between 0 and 1: of neighbouring characters, so that asking words count too. */
  function likeness(one, other) {
    let shared = 0;
    for (const two of one) if (other.has(two)) shared++;
    return (2 * shared) / (one.size + other.size || 1);
  }

  /** Put the sections in order.  The score is BM25, raised by titles, lowered by what is missing. */
  function ranked(asked, folded) {
    const { sections } = ask.index,
      scores = new Map();
    let total = 0;
    const at = (section) => {
      if (!scores.has(section)) scores.set(section, { body: 0, title: 0, met: 0 });
      return scores.get(section);
    };
    for (const need of asked.needs) {
      const worth = need.length ? Math.max(...need.map(([term, factor]) => factor * idf(term))) : 0;
      const best = new Map();
      for (const [term, factor] of need) {
        asked.marks.add(term);
        for (const [section, weight] of postings(term))
          best.set(section, Math.max(best.get(section) ?? 0, factor * idf(term) * weight));
      }
      total += worth;
      for (const [section, weight] of best) {
        const score = at(section);
        score.body += weight;
        score.met += worth;
      }
      sections.forEach(({ folded: title, foldedPath: path }, section) => {
        for (const [term, factor] of need) {
          if (factor < 0.5) continue;
          if (title.includes(term)) {
            at(section).title += factor * worth * (0.5 + 0.5 * Math.min(1, term.length / title.length));
            break;
          }
          if (path.includes(term)) {
            const score = at(section);
            score.title += 0.25 * factor * worth;
            if (!best.has(section)) score.met += 0.8 * worth;
            break;
          }
        }
      });
    }
    for (const two of asked.extra)
      for (const [section, weight] of postings(two))
        if (scores.has(section)) scores.get(section).body += 0.25 * idf(two) * weight;
    const wish = asked.guess && !asked.needs.length ? fold(asked.guess) : folded;
    const wished = neighbours(wish);
    const results = [...scores].map(([section, { body, title, met }]) => {
      const name = sections[section].folded,
        share = total ? Math.min(1, met / total) : 0;
      let score = (body + title) * (0.15 + 0.85 * share * share);
      const whole = sections[section].foldedPath.replace(/\s+/g, "") + name;
      if (name && (name === wish || name === asked.meant || whole === wish)) score += 0.8 * total;
      else if (wish.length > 1 && name.includes(wish)) score += 0.3 * total;
      score +=
        0.3 *
        total *
        Math.max(
          likeness(wished, (sections[section].pairs ??= neighbours(name))),
          likeness(wished, (sections[section].allPairs ??= neighbours(whole))),
        );
      return { section, score, ...sections[section] };
    });
    results.sort((a, b) => b.score - a.score || a.section - b.section);
    return results.filter((result) => result.score > 0.12 * results[0].score);
  }

  // -- What the reader sees ---------------------------------------------------------------------------------
  const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

  /** An expression for the hits; short words of letters must stand alone. */
  function hits(marks) {
    const ways = [...marks]
      .filter(Boolean)
      .sort((a, b) => b.length - a.length)
      .map((mark) =>
        IS_HAN.test(mark) || mark.length > 3 ? escaped(mark) : `(?<![a-z0-9])${escaped(mark)}(?![a-z0-9])`,
      );
    return ways.length ? new RegExp(ways.join("|"), "gu") : null;
  }

  /** Text as nodes, its hits marked. */
  function marked(text, expression) {
    const nodes = [],
      folded = fold(text);
    let last = 0;
    for (const hit of expression ? folded.matchAll(expression) : []) {
      nodes.push(
        text.slice(last, hit.index),
        element("mark", {}, text.slice(hit.index, hit.index + hit[0].length)),
      );
      last = hit.index + hit[0].length;
    }
    return [...nodes, text.slice(last)];
  }

  /** The part of a text with the most different hits. */
  function snippet(text, expression, width = 110) {
    const found = expression ? [...fold(text).matchAll(expression)] : [];
    let start = 0,
      most = 0;
    for (const hit of found) {
      const seen = new Set(
        found
          .filter((other) => other.index >= hit.index && other.index < hit.index + width - 30)
          .map((other) => other[0]),
      );
      const value = [...seen].reduce((sum, mark) => sum + mark.length, 0);
      if (value > most) {
        most = value;
        start = hit.index;
      }
    }
    start = Math.max(0, start - 20);
    return (start ? "…" : "") + text.slice(start, start + width) + (start + width < text.length ? "…" : "");
  }

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /** The address of a section; the hits go with it, so that the page can mark them. */
  function address({ doc, anchor }, marks = []) {
    const url = ask.index.docs[doc];
    if (url.startsWith("#")) return anchor ? `#${anchor}` : url;
    const target = new URL(url, root);
    if (target.protocol === "file:" && target.pathname.endsWith("/")) target.pathname += "index.html";
    for (const mark of marks) target.searchParams.append("hit", mark);
    target.hash = anchor;
    return target.href;
  }

  /** The section on the single page. */
  const target = ({ doc, anchor }) => document.getElementById(anchor || ask.index.docs[doc].slice(1));

  /** Mark words in the page that is open. */
  function mark(words) {
    unmark();
    const expression = hits(new Set(words.map((word) => word.toLowerCase())));
    const area = document.querySelector("[role=main], article, main, div.body") ?? document.body;
    const walker = document.createTreeWalker(area, NodeFilter.SHOW_TEXT, (node) =>
      node.parentElement.closest("script, style, nav, svg, .sphinxzh-search, .headerlink")
        ? NodeFilter.FILTER_REJECT
        : NodeFilter.FILTER_ACCEPT,
    );
    const nodes = [];
    while (walker.nextNode()) nodes.push(walker.currentNode);
    for (const node of nodes) {
      const pieces = marked(node.data, expression);
      if (pieces.length > 1)
        node.replaceWith(
          ...pieces.map((piece) => {
            if (piece.className !== undefined) piece.className = "sphinxzh-hit";
            return piece;
          }),
        );
    }
  }

  function unmark() {
    for (const old of document.querySelectorAll("mark.sphinxzh-hit")) {
      const parent = old.parentNode;
      old.replaceWith(...old.childNodes);
      parent.normalize();
    }
  }

  // -- The box ----------------------------------------------------------------------------------------------
  /** The theme's own search field; where it has none (the single page), one is added. */
  function field() {
    const own = [...document.querySelectorAll("form input[name=q]")].find((input) =>
      input.form.getAttribute("action"),
    );
    if (own) return own;
    const place =
      document.querySelector(".wy-side-nav-search, .sidebar-sticky, .sphinxsidebarwrapper") ?? document.body;
    const input = element("input", { type: "search", name: "q", placeholder: "搜索", "aria-label": "搜索" });
    const form = element("form", { role: "search", class: "sphinxzh-added", action: "#" }, input);
    place === document.body || place.matches(".sphinxsidebarwrapper, .sidebar-sticky")
      ? place.prepend(form)
      : place.append(form);
    return input;
  }

  function start() {
    const input = field();
    const status = element("p", { role: "status", "aria-live": "polite" });
    const list = element("div", { role: "listbox", id: "sphinxzh-results", "aria-label": "搜索结果" });
    const panel = element("div", { class: "sphinxzh-search", hidden: "" }, status, list);
    document.body.append(panel);
    for (const [key, value] of Object.entries({
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": "sphinxzh-results",
      "aria-autocomplete": "list",
      "aria-haspopup": "listbox",
      autocomplete: "off",
    }))
      input.setAttribute(key, value);
    let active = -1,
      turn = 0;

    const options = () => [...list.children];
    const close = () => {
      panel.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    };
    const choose = (number) => {
      active = number;
      options().forEach((option, i) => option.setAttribute("aria-selected", String(i === number)));
      const option = options()[number];
      if (!option) return input.removeAttribute("aria-activedescendant");
      input.setAttribute("aria-activedescendant", option.id);
      return option.scrollIntoView({ block: "nearest" });
    };
    const place = () => {
      const box = input.getBoundingClientRect(),
        width = Math.min(680, innerWidth - 16);
      panel.style.width = `${width}px`;
      panel.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
      panel.style.top = `${Math.max(8, box.bottom + 6)}px`;
      panel.style.maxHeight = `${Math.max(160, innerHeight - box.bottom - 20)}px`;
    };
    const open = () => {
      panel.hidden = false;
      place();
    };

    async function show() {
      const query = input.value.trim(),
        mine = ++turn;
      if (!query) return close();
      try {
        await load("index.js");
      } catch {
        status.textContent = "搜索索引载入失败。";
        list.replaceChildren();
        return open();
      }
      if (mine !== turn) return undefined;
      const { results, marks, guess, meant } = ask(query);
      const shown = results.slice(0, LIMIT),
        expression = hits(marks);
      const words = (list) => list.sort((a, b) => b.length - a.length).slice(0, 8);
      status.textContent = !results.length
        ? `没有找到“${query}”。换一个词，或少写几个字试试。`
        : guess
          ? `没有“${query}”。猜你想找“${guess}”：${results.length} 处`
          : meant
            ? `“${meant}”（拼音）：${results.length} 处`
            : `找到 ${results.length} 处`;
      status.classList.toggle("sphinxzh-guess", Boolean(guess));
      list.replaceChildren(
        ...shown.map((result, i) => {
          const text = element("span", { class: "sphinxzh-text" });
          const option = element(
            "a",
            {
              role: "option",
              id: `sphinxzh-result-${i}`,
              href: address(result, words([...marks])),
              tabindex: "-1",
              "aria-selected": "false",
            },
            element("span", { class: "sphinxzh-title" }, ...marked(result.title, expression)),
            ...(result.above.length
              ? [element("span", { class: "sphinxzh-path" }, result.above.join(" › "))]
              : []),
            text,
          );
          load(`text-${result.doc}.js`).then(
            (bodies) => {
              const body = bodies[result.row] ?? "",
                part = snippet(body, expression);
              text.replaceChildren(...marked(part, expression));
              const said = new Set(
                [...fold(`${result.title} ${body}`).matchAll(expression)].map((hit) => hit[0]),
              );
              option.dataset.hits = JSON.stringify(words([...said]));
              option.href = address(result, words([...said]));
            },
            () => {},
          );
          option.addEventListener("click", (event) => {
            if (!single() || event.ctrlKey || event.metaKey) return;
            setTimeout(() => {
              mark(JSON.parse(option.dataset.hits ?? JSON.stringify(words([...marks]))));
              close();
              target(result)?.scrollIntoView();
            });
          });
          return option;
        }),
      );
      input.setAttribute("aria-expanded", String(shown.length > 0));
      open();
      return choose(shown.length ? 0 : -1);
    }

    input.addEventListener("input", (event) => {
      if (!event.isComposing) show();
    });
    input.addEventListener("compositionend", show);
    input.addEventListener("focus", () => {
      load("index.js").catch(() => {});
      if (input.value.trim()) show();
    });
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      const many = options().length;
      if (event.key === "Escape") {
        close();
        input.blur();
      } else if (panel.hidden) return;
      else if (event.key === "ArrowDown" && many) choose((active + 1) % many);
      else if (event.key === "ArrowUp" && many) choose((active + many - 1) % many);
      else if (event.key === "Enter" && many) options()[active]?.click();
      else if (event.key !== "Enter") return;
      event.preventDefault();
    });
    input.form.addEventListener("submit", (event) => {
      if (input.form.getAttribute("action") === "#") event.preventDefault();
    });
    document.addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Escape") unmark();
        const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
        if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        input.focus();
        input.select();
      },
      true,
    );
    document.addEventListener("pointerdown", (event) => {
      if (!panel.contains(event.target) && event.target !== input) close();
    });
    addEventListener("resize", () => {
      if (!panel.hidden) place();
    });
    const words = new URLSearchParams(location.search).getAll("hit");
    if (words.length) {
      mark(words);
      document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
    }
  }

  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", start) : start();
  return {
    index: (data) => waiting.get("index.js")(unpack(data)),
    text: (number, bodies) => waiting.get(`text-${number}.js`)(bodies),
    /** For scripts of the site and for tests: load the index, and answer. */
    load: () => load("index.js"),
    ask: (query) => ask(query),
    address,
  };
})();
window.sphinxzhSearch = sphinxzhSearch;
