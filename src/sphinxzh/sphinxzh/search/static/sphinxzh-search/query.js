/* What a query asks for.
 *
 * The rule: a query becomes needs.  A need is a list of [term, factor], any of which meets it, the best one
 * counting; a section should meet all of them.  Han is cut into the words of the index, not of a dictionary:
 * what no section says cannot be found.  `bonds` are the bigrams between these words, which tell that they
 * stand side by side; `phrases` are whole runs. */
"use strict";

(() => {
  const { fold, pieces, isHan, bigrams, parts } = window.sphinxzhSearch;
  const LONGEST_QUERY = 200;
  const LONGEST_WORD = 12;
  const LONGEST_NAME = 5; // words
  const COMPOUND = 4; // characters of a word that is looked into
  const INNER = 0.3; // factor of a word inside it
  const ASKING_BOND = 1; // the most that a word which only asks tells beside its neighbour
  const LETTERS = 1.8; // of a word of letters beside one run of Han, which says something of it
  const SYNONYM = 0.7; // factor of another name of the same
  const SINGLE = 0.5; // factor of a character by itself among other words
  const FEW = 5; // sections that have a word which may be an example
  const ALONE = 0.3; // factor of a character that stands for a word the index does not have
  const ENDINGS = [
    [/ies$/, "y"],
    [/es$/, ""],
    [/s$/, ""],
    [/ing$/, ""],
    [/ed$/, ""],
    [/d$/, ""],
  ];

  /** The fewest pieces that make up a row of units; `cost` of a piece is Infinity where there is none such. */
  function fewest(units, longest, cost) {
    const best = [{ cost: 0, pieces: [] }];
    for (let end = 1; end <= units.length; end++) {
      best[end] = { cost: Infinity, pieces: [] };
      for (let start = Math.max(0, end - longest); start < end; start++) {
        const piece = units.slice(start, end).join("");
        const total = best[start].cost + cost(piece, end - start);
        if (total < best[end].cost) best[end] = { cost: total, pieces: [...best[start].pieces, piece] };
      }
    }
    return best[units.length];
  }

  class Reader {
    constructor(index, pinyin, speller) {
      Object.assign(this, { index, pinyin, speller });
    }

    /** A query as needs, bonds, what to mark, and what was guessed or meant by pinyin. */
    read(text) {
      const plain = text.slice(0, LONGEST_QUERY).normalize("NFKC").replace(/([a-z])['’]([a-z])/gi, "$1$2");
      const found = this._names(this._joined(pieces(plain)));
      const asked = { needs: [], bonds: [], phrases: [], marks: new Set() };
      Object.assign(asked, { guess: "", meant: "", isOnePiece: found.length === 1 });
      asked.isPair = found.length === 2 && found.some(isHan);
      for (const piece of found) {
        if (isHan(piece)) this._readHan(fold(piece), asked);
        else this._readLetters(piece, asked);
      }
      if (!asked.needs.length) for (const piece of found.map(fold)) this._addAsking(piece, asked);
      for (const [term] of asked.needs.flat()) for (const word of term.split(" ")) asked.marks.add(word);
      return asked;
    }

    /** Syllables of pinyin that were typed apart become one piece. */
    _joined(found) {
      const areSyllables = found.length > 1 && found.every((piece) => /^[a-z]{1,6}$/i.test(piece));
      if (!areSyllables || found.every((piece) => this.index.hasLatin(fold(piece)))) return found;
      const letters = fold(found.join(""));
      return this.pinyin.meaning(letters) ? [letters] : found;
    }

    /** Words that are a name together become one piece. */
    _names(found) {
      const joined = [];
      for (let from = 0, to; from < found.length; from = to) {
        for (to = Math.min(found.length, from + LONGEST_NAME); to > from + 1; to--)
          if (this.index.synonyms.has(fold(found.slice(from, to).join(" ")))) break;
        joined.push(found.slice(from, to).join(" "));
      }
      return joined;
    }

    // -- Han ------------------------------------------------------------------------------------------------

    _readHan(run, asked) {
      const topics = this._topics(run).map((topic) => this._corrected(topic, run, asked));
      const before = asked.needs.length;
      for (const topic of topics) this._addTopic(topic, asked);
      if (run.length > 2) asked.phrases.push([run, asked.needs.slice(before)]);
      const wanted = new Set(asked.needs.flat().map(([term]) => term));
      const said = asked.guess ? topics.join("") : run;
      for (const bond of this._bonds(said)) if (!wanted.has(bond[0])) asked.bonds.push(bond);
    }

    /** The bigrams between the words of a run, and how much they tell: [bigram, most]. */
    _bonds(run) {
      const { index } = this;
      const words = this.cut(run);
      const worth = (word) => {
        if (index.asking.has(word)) return ASKING_BOND;
        return word.length > 1 ? index.idf(word) : Infinity;
      };
      return words.slice(1).map((word, i) => {
        const pair = Array.from(words[i]).at(-1) + Array.from(word)[0];
        return [pair, Math.min(worth(words[i]), worth(word))];
      });
    }

    /** When a query does nothing but ask, that is what it is about. */
    _addAsking(piece, asked) {
      if (isHan(piece)) this._addTopic(piece, asked);
      else if (this.index.asking.has(piece) && this.index.hasLatin(piece)) asked.needs.push([[piece, 1]]);
    }

    /** The parts of a run between the words that only ask. */
    _topics(run) {
      const topics = [""];
      for (const word of this.cut(run)) {
        if (this.index.asking.has(word)) topics.push("");
        else topics[topics.length - 1] += word;
      }
      return topics.filter(Boolean);
    }

    /** A topic, or what was meant by it when a character is out of place. */
    _corrected(topic, run, asked) {
      const characters = Array.from(topic);
      const better = characters.length > 1 ? this.speller.righted(characters) : null;
      const isAll = asked.isOnePiece && topic === run && characters.length === 2;
      if (!better || !(better.isSure || isAll)) return topic;
      asked.guess += better.run;
      return better.run;
    }

    /** The words of a topic as needs; characters that the index never has side by side stand alone. */
    _addTopic(topic, asked) {
      const words = this.cut(topic);
      const long = words.filter((word) => Array.from(word).length > 1);
      for (const word of long) asked.needs.push(this._wordNeed(word), ...this._inner(word));
      const characters = Array.from(topic);
      for (const pair of loosePairs(words))
        if (this.index.postings(pair).length) asked.needs.push([[pair, 1]]);
      const single = asked.isOnePiece ? 1 : SINGLE;
      for (const place of this.speller.strangers(characters))
        asked.needs.push([[characters[place], characters.length > 1 ? ALONE : single]]);
      for (let from = 0; from < words.length; from++)
        for (let to = from + 2; to <= words.length; to++) asked.marks.add(words.slice(from, to).join(""));
    }

    /** A word, or its bigrams where no section has the whole of it. */
    _wordNeed(word) {
      if (this.index.postings(word).length) return this._named(word, [[word, 1]]);
      return bigrams(Array.from(word)).map((pair) => [pair, 1]);
    }

    /** A need, met by the other names of the same thing, too. */
    _named(name, need) {
      const others = this.index.synonyms.get(name) ?? [];
      return [...need, ...others.map((other) => [other, SYNONYM])];
    }

    /** The words inside a compound: a section that does not have the whole may still speak of them. */
    _inner(word) {
      if (Array.from(word).length < COMPOUND) return [];
      const inner = this.cut(word, (part) => part !== word).filter((part) => Array.from(part).length > 1);
      return inner.map((part) => [[part, INNER]]);
    }

    /** Cut a run into the index's words: the fewest pieces win, a character outside a word counts as two. */
    cut(run, isAllowed = () => true) {
      const { index } = this;
      const cost = (word, size) => {
        if (size === 1) return index.asking.has(word) ? 1.5 : 2;
        return isAllowed(word) && (index.asking.has(word) || index.isWord(word)) ? 1 : Infinity;
      };
      return fewest(Array.from(run), LONGEST_WORD, cost).pieces;
    }

    // -- Letters --------------------------------------------------------------------------------------------

    _readLetters(piece, asked) {
      if (piece.includes(" ")) return this._readName(fold(piece), asked);
      const [word, ...inner] = parts(piece);
      if (!word || this.index.asking.has(word)) return;
      const needs =
        this._either(word, piece, asked) ??
        this._known(word, inner) ??
        this._asPinyin(word, asked) ??
        this._begun(word) ??
        this._byParts(inner) ??
        this._glued(word, 3) ??
        this._guessed(word, asked) ??
        this._glued(word, 2) ??
        inner.filter((part) => this.index.hasLatin(part)).map((part) => [[part, 1]]);
      const factor = asked.isPair ? LETTERS : 1;
      asked.needs.push(...needs.map((need) => need.map(([term, one]) => [term, one * factor])));
    }

    /** A name of several words; a section that has some of them may still speak of it. */
    _readName(name, asked) {
      const words = name.split(" ").flatMap((word) => (isHan(word) ? [] : parts(word)));
      asked.needs.push(this._named(name, [[name, 1]]), ...words.map((word) => [[word, INNER]]));
      for (const word of name.split(" ")) asked.marks.add(word);
    }

    /** A word of few sections and no title that would be pinyin, too: a book may give it as an example.  Not
     *  so a word in capitals: nobody types pinyin in them, and `XK` is a name. */
    _either(word, piece, asked) {
      if (/\p{Lu}/u.test(piece)) return null;
      const { titled, length } = this.index.postings(word);
      const meaning = length && length <= FEW && !titled.includes(1) ? this.pinyin.meaning(word) : null;
      if (!meaning?.choices || meaning.isBegun) return null;
      asked.meant += meaning.choices[0];
      return [[[word, 1], ...byRank(meaning.choices)]];
    }

    /** A word of the index, also in another form of it. */
    _known(word, inner) {
      const { index } = this;
      if (index.hasLatin(word)) {
        const longer = word.length > 2 ? index.longer(word) : [];
        const need = [[word, 1], ...longer.map((term) => [term, 0.5])];
        return [this._named(word, need), ...inner.map((part) => [[part, INNER]])];
      }
      const stem = ENDINGS.map(([ending, instead]) => word.replace(ending, instead)).find(
        (form) => form !== word && form.length > 2 && index.hasLatin(form),
      );
      return stem ? [[[stem, 0.9]]] : null;
    }

    _asPinyin(word, asked) {
      const meaning = this.pinyin.meaning(word);
      if (!meaning) return null;
      asked.meant += meaning.run ?? meaning.choices[0];
      if (meaning.run) {
        this._readHan(meaning.run, asked);
        return [];
      }
      const longer = this.index.longer(word).map((term) => [term, 0.6]);
      return [[...byRank(meaning.choices), ...longer]];
    }

    /** The beginning of a word. */
    _begun(word) {
      const longer = word.length > 1 ? this.index.longer(word) : [];
      return longer.length ? [longer.map((term) => [term, 0.8])] : null;
    }

    /** An identifier by its parts. */
    _byParts(inner) {
      const isKnown = inner.length > 0 && inner.every((part) => this.index.hasLatin(part));
      return isKnown ? inner.map((part) => [[part, 1]]) : null;
    }

    /** Two or three words, none shorter than `least`, written as one. */
    _glued(word, least) {
      const cost = (part) => (part.length >= least && this.index.hasLatin(part) ? 1 : Infinity);
      const cut = fewest(Array.from(word), word.length, cost);
      return cut.cost < 4 ? cut.pieces.map((part) => [[part, 1]]) : null;
    }

    _guessed(word, asked) {
      const near = this.speller.nearLetters(word);
      if (!near.length) return null;
      asked.guess += near[0];
      return [byRank(near)];
    }
  }

  /** Terms to choose from, the likeliest first. */
  const byRank = (terms) => terms.map((term, rank) => [term, 1 / (1 + rank)]);

  /** The bigrams of characters that the cut has left side by side, outside any word. */
  function loosePairs(words) {
    const isOne = (word) => Array.from(word).length === 1;
    return words.slice(1).flatMap((word, i) => (isOne(word) && isOne(words[i]) ? [words[i] + word] : []));
  }

  Object.assign(window.sphinxzhSearch, { Reader });
})();
