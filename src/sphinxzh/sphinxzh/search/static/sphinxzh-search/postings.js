/* The index in the browser: which sections have a term, and how much it weighs there.  Its form is told in
 * sphinxzh/search/index.py.
 *
 * The rule: unpacking splits strings and nothing more.  A row of the table of bigrams, a posting list, the
 * readings of characters are each taken apart when they are first asked for, once. */
"use strict";

(() => {
  const { addSimplified, isHan, bigrams } = window.sphinxzhSearch;
  const FIRST_DIGIT = 0x23;
  const BACKSLASH = 0x5c; // is not a digit
  const LAST = 45; // the greatest digit that ends a number; those above continue it
  const FOLLOWER = /([^\x21-\x7e])(!?)([\x23-\x7e]*)/gu;
  const LIST = /(!?)([\x23-\x7e]*)/y;

  /** Sections in their order, the weight of a term in each (0 to 1), and whether it stands in the title. */
  class PostingList {
    constructor(room) {
      this.sections = new Int32Array(room);
      this.weights = new Float32Array(room);
      this.titled = new Uint8Array(room);
      this.length = 0;
    }

    add(section, weight, titled) {
      this.sections[this.length] = section;
      this.weights[this.length] = weight;
      this.titled[this.length++] = titled;
    }
  }

  /** The sections that two lists share, with the lesser weight. */
  function intersection(one, other) {
    const shared = new PostingList(Math.min(one.length, other.length));
    for (let i = 0, j = 0; i < one.length && j < other.length; ) {
      if (one.sections[i] < other.sections[j]) i++;
      else if (one.sections[i] > other.sections[j]) j++;
      else {
        const weight = Math.min(one.weights[i], other.weights[j]);
        shared.add(one.sections[i], weight, one.titled[i++] & other.titled[j++]);
      }
    }
    return shared;
  }

  /** Visit the postings of a list: section, weight, whether the term stands in the title. */
  function decode(text, levels, visit) {
    let section = -1;
    let value = 0;
    let factor = 1;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const digit = code - FIRST_DIGIT - (code > BACKSLASH ? 1 : 0);
      if (digit > LAST) {
        value += (digit - LAST - 1) * factor;
        factor *= LAST;
        continue;
      }
      value += digit * factor;
      const step = value % (2 * levels);
      section += (value - step) / (2 * levels) + 1;
      visit(section, ((step % levels) + 0.5) / levels, step < levels ? 0 : 1);
      value = 0;
      factor = 1;
    }
  }

  class Index {
    constructor(data) {
      this.levels = data.levels;
      this.docs = data.docs;
      this.version = data.version;
      this.count = data.sections.length;
      this.words = data.words.split(" ").filter(Boolean); // of titles and terms, the weightiest first
      this.known = new Set(this.words);
      this.asking = new Set(data.asking.split(" "));
      const longestFirst = [...this.asking].filter(isHan).sort((a, b) => b.length - a.length);
      this.asks = new RegExp(longestFirst.join("|"), "gu");
      this.spoken = [...this.words, ...data.runs.split(" ").filter(Boolean)]; // what may be typed as pinyin
      this.readings = data.readings;
      this.synonyms = new Map(); // name → other names of the same
      for (const names of data.synonyms)
        for (const name of names) this._addSynonyms(name, names.filter((other) => other !== name));
      this.han = data.han;
      const head = (line) => String.fromCodePoint(line.codePointAt(0) ?? 0);
      this.rows = new Map(data.han.split("\n").map((line) => [head(line), line]));
      this.parsed = new Map(); // rows that were taken apart
      this.lists = new Map(); // posting lists that were decoded
      this._unpackLatin(data.latin);
      this._unpackSections(data.sections);
      addSimplified(data.fold);
      this._sortSpoken();
    }

    /** By character: the words and runs of the titles that have it. */
    _sortSpoken() {
      this.byCharacter = new Map();
      for (const word of this.spoken)
        for (const one of new Set(word)) {
          if (!this.byCharacter.has(one)) this.byCharacter.set(one, []);
          this.byCharacter.get(one).push(word);
        }
    }

    _addSynonyms(name, others) {
      this.synonyms.set(name, [...(this.synonyms.get(name) ?? []), ...others]);
    }

    /** The sorted words of letters; each line leaves out what it shares with the line before. */
    _unpackLatin(lines) {
      this.latin = [];
      this.latinLists = [];
      let term = "";
      for (const line of lines ? lines.split("\n") : []) {
        const end = line.indexOf(" ");
        term = term.slice(0, line.charCodeAt(0) - FIRST_DIGIT) + line.slice(1, end);
        this.latin.push(term);
        this.latinLists.push(line.slice(end + 1));
      }
    }

    /** Title, document and place of each section, the section it stands in, and where its own ones end. */
    _unpackSections(sections) {
      this.titles = sections.map(([, , , title]) => title);
      this.anchors = sections.map(([, , anchor]) => anchor);
      this.docOf = Int32Array.from(sections, ([doc]) => doc);
      this.parent = new Int32Array(this.count).fill(-1);
      this.end = new Int32Array(this.count).fill(this.count);
      this.first = new Map(); // document → its first section
      const open = []; // the sections around, outermost first
      sections.forEach(([doc, depth], number) => {
        if (!this.first.has(doc)) this.first.set(doc, number);
        while (open.length && (sections[open.at(-1)][0] !== doc || sections[open.at(-1)][1] >= depth))
          this.end[open.pop()] = number;
        this.parent[number] = open.at(-1) ?? -1;
        open.push(number);
      });
    }

    /** The titles around a section, outermost first. */
    above(section) {
      const titles = [];
      for (let around = this.parent[section]; around >= 0; around = this.parent[around])
        if (this.titles[around]) titles.unshift(this.titles[around]);
      return titles;
    }

    /** What may follow a character: a map of characters to { isWord, list }. */
    followers(first) {
      if (!this.parsed.has(first)) {
        const row = this.rows.get(first) ?? "";
        const found = new Map();
        for (const [, second, mark, list] of row.slice(first.length).matchAll(FOLLOWER))
          found.set(second, { isWord: mark === "!", list });
        this.parsed.set(first, found);
      }
      return this.parsed.get(first);
    }

    /** What the index has of two neighbours, { isWord, list } or undefined, without taking the row apart. */
    pair(first, second) {
      if (this.parsed.has(first)) return this.parsed.get(first).get(second);
      const row = this.rows.get(first);
      const at = row === undefined || second === undefined ? -1 : row.indexOf(second, first.length);
      if (at < 0) return undefined;
      LIST.lastIndex = at + second.length;
      const [, mark, list] = LIST.exec(row);
      return { isWord: mark === "!", list };
    }

    /** How likely the second of two neighbours is after the first, by the space that the index gives them. */
    likelihood(first, { list }) {
      return list.length / this.rows.get(first).length;
    }

    /** Whether two characters are neighbours anywhere. */
    adjoin(first, second) {
      return this.pair(first, second) !== undefined;
    }

    /** Whether the index counts a run as a word. */
    isWord(run) {
      if (this.known.has(run)) return true;
      const [first, second, third] = run;
      return third === undefined && second !== undefined && this.pair(first, second)?.isWord === true;
    }

    /** The words and runs of the titles that have a character in them, the weightiest first. */
    spokenWith(character) {
      return this.byCharacter.get(character) ?? [];
    }

    /** The place of the first word of letters that is not before this one. */
    _place(word) {
      let low = 0;
      let high = this.latin.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.latin[middle] < word) low = middle + 1;
        else high = middle;
      }
      return low;
    }

    hasLatin(word) {
      return this.latin[this._place(word)] === word;
    }

    /** The shortest words of letters that begin so, without the beginning itself. */
    longer(beginning, limit = 8) {
      const found = [];
      for (let i = this._place(beginning); this.latin[i]?.startsWith(beginning); i++)
        if (this.latin[i] !== beginning) found.push(this.latin[i]);
      return found.sort((a, b) => a.length - b.length).slice(0, limit);
    }

    /** The posting list of a term; a run of Han needs all its bigrams, and a name all its words. */
    postings(term) {
      if (!this.lists.has(term)) this.lists.set(term, this._find(term));
      return this.lists.get(term);
    }

    _find(term) {
      if (term.includes(" ")) return term.split(" ").map((word) => this.postings(word)).reduce(intersection);
      if (!isHan(term)) {
        const place = this._place(term);
        return this.latin[place] === term ? this._decoded(this.latinLists[place]) : new PostingList(0);
      }
      const characters = Array.from(term);
      if (characters.length === 1) return this._anywhere(term);
      return bigrams(characters)
        .map(([first, second]) => this._decoded(this.pair(first, second)?.list ?? ""))
        .reduce(intersection);
    }

    /** A character by itself stands wherever a bigram has it, first or second. */
    _anywhere(character) {
      const weights = new Float32Array(this.count);
      const titled = new Uint8Array(this.count);
      const note = (section, weight, isTitled) => {
        if (weight > weights[section]) weights[section] = weight;
        titled[section] |= isTitled;
      };
      for (const { list } of this.followers(character).values()) decode(list, this.levels, note);
      for (let at = this.han.indexOf(character); at >= 0; at = this.han.indexOf(character, at + 1)) {
        LIST.lastIndex = at + character.length;
        decode(LIST.exec(this.han)[2], this.levels, note);
      }
      const all = new PostingList(this.count);
      for (let section = 0; section < this.count; section++)
        if (weights[section]) all.add(section, weights[section], titled[section]);
      return all;
    }

    _decoded(text) {
      const list = new PostingList(text.length);
      decode(text, this.levels, (section, weight, titled) => list.add(section, weight, titled));
      return list;
    }

    /** The inverse document frequency of a term. */
    idf(term) {
      return this.rarity(this.postings(term).length);
    }

    /** The inverse document frequency of what so many sections have. */
    rarity(found) {
      return Math.log(1 + (this.count - found + 0.5) / (found + 0.5));
    }
  }

  Object.assign(window.sphinxzhSearch, { Index });
})();
