/* Letters that are meant as pinyin: syllables, first letters, or a mixture, as an input method takes them.
 *
 * The rule: nothing is tabulated but the readings of single characters.  A short row of letters is compared
 * with the words of the titles one by one; a long one is cut into syllables, and the characters are those that
 * the index knows as neighbours: a Viterbi search over its bigrams. */
"use strict";

(() => {
  const BEAM = 24; // characters kept at each place of the letters
  const LONGEST_SYLLABLE = 6; // zhuang
  const WORD = 1; // in favour of two characters that are a word
  const APART = Math.log(1e-4); // for two that the index never has side by side

  class Pinyin {
    constructor(index) {
      this.index = index;
      this.charactersOf = new Map(); // syllable → characters that the index has, or may be typed for them
      this.syllablesOf = new Map(); // character → syllables
      this.startingWith = new Map(); // letter → syllables
      for (const entry of index.readings.split(" ").filter(Boolean)) {
        const syllable = /^[a-z]*/.exec(entry)[0];
        const characters = Array.from(entry.slice(syllable.length));
        this.charactersOf.set(syllable, characters);
        append(this.startingWith, syllable[0], syllable);
        for (const one of characters) append(this.syllablesOf, one, syllable);
      }
    }

    syllables(character) {
      return this.syllablesOf.get(character) ?? [];
    }

    /** Whether two characters can sound the same. */
    alike(one, other) {
      return this.syllables(one).some((syllable) => this.syllables(other).includes(syllable));
    }

    /** Whether a word is spelt so; `step` says how the letters may go on with a syllable. */
    spells(characters, letters, step, at = 0) {
      if (at === characters.length) return letters === "";
      return this.syllables(characters[at]).some((syllable) =>
        step(syllable, letters, at === characters.length - 1).some((length) =>
          this.spells(characters, letters.slice(length), step, at + 1),
        ),
      );
    }

    /** What the letters may mean: words to choose from, or one run of several words; null if nothing. */
    meaning(letters) {
      if (!/^[a-z]{2,}$/.test(letters) || !this.charactersOf.size) return null;
      const choices = this._words(letters, inFull, 4).concat(this._pairs(letters));
      if (choices.length) return { choices: [...new Set(choices)].slice(0, 4) };
      const short = this.abbreviated(letters);
      if (short.length) return { choices: short };
      const run = this._run(letters);
      if (run) return { run };
      const begun = letters.length > 2 ? this._words(letters, unfinished, 3) : [];
      return begun.length ? { choices: begun, isBegun: true } : null;
    }

    /** The words of the titles with these initials. */
    abbreviated(letters) {
      return /^[a-z]{2,6}$/.test(letters) ? this._words(letters, byInitials, 3) : [];
    }

    /** The words of the titles that are spelt so, the weightiest first. */
    _words(letters, step, limit) {
      const found = new Set();
      for (const first of this._beginnings(letters, step))
        for (const word of this.index.spokenWith(first))
          if (word.startsWith(first) && this.spells(Array.from(word), letters, step)) found.add(word);
      return found.size ? this.index.spoken.filter((word) => found.has(word)).slice(0, limit) : [];
    }

    /** The characters that a word spelt so may begin with. */
    _beginnings(letters, step) {
      const near = this.startingWith.get(letters[0]) ?? [];
      const fitting = near.filter((syllable) => step(syllable, letters, false).length);
      return new Set(fitting.flatMap((syllable) => this.charactersOf.get(syllable)));
    }

    /** The words of two characters that are spelt so, the most frequent first. */
    _pairs(letters) {
      const found = [];
      for (let cut = 1; cut < letters.length; cut++) {
        const seconds = new Set(this.charactersOf.get(letters.slice(cut)));
        for (const first of seconds.size ? (this.charactersOf.get(letters.slice(0, cut)) ?? []) : [])
          for (const [second, { isWord, list }] of this.index.followers(first))
            if (isWord && seconds.has(second)) found.push([first + second, list.length]);
      }
      return found.sort((a, b) => b[1] - a[1]).map(([word]) => word);
    }

    /** The most likely characters for the letters; each must be a neighbour of the one before or after. */
    _run(letters) {
      const states = Array.from({ length: letters.length + 1 }, () => []); // by how many letters are read
      states[0].push({ characters: [], score: 0, isLinked: true });
      for (let at = 0; at < letters.length; at++) {
        states[at] = states[at].sort((a, b) => b.score - a.score).slice(0, BEAM);
        for (let length = 1; length <= LONGEST_SYLLABLE && at + length <= letters.length; length++)
          for (const character of this.charactersOf.get(letters.slice(at, at + length)) ?? [])
            keep(states[at + length], this._best(states[at], character));
      }
      const complete = states[letters.length].filter(({ isLinked }) => isLinked);
      const [best] = complete.sort((a, b) => b.score - a.score);
      return best && this._isOfWords(best.characters) ? best.characters.join("") : null;
    }

    /** Whether at least half of the characters belong to words: else the letters are no pinyin. */
    _isOfWords(characters) {
      const isWord = (i) => this.index.pair(characters[i], characters[i + 1])?.isWord === true;
      const belonging = characters.filter((_, i) => isWord(i - 1) || isWord(i));
      return belonging.length >= characters.length / 2;
    }

    /** The best way to go on with a character: log P(character | the one before), as the index counts them. */
    _best(states, character) {
      let best = null;
      for (const { characters, score, isLinked } of states) {
        const before = characters.at(-1);
        const pair = before === undefined ? undefined : this.index.pair(before, character);
        if (!pair && !isLinked) continue;
        const gain = pair ? Math.log(this.index.likelihood(before, pair)) : APART;
        const total = score + gain + (pair?.isWord ? WORD : 0);
        if (!best || total > best.score)
          best = { characters: [...characters, character], score: total, isLinked: Boolean(pair) };
      }
      return best;
    }

    /** Words that one slip made into the letters. */
    misspelt(slips) {
      const whole = [...slips].filter((letters) => this._isWhole(letters));
      const found = new Set(whole.flatMap((letters) => this._words(letters, inFull, 3)));
      return this.index.words.filter((word) => found.has(word)).slice(0, 3);
    }

    /** Whether letters can be cut into syllables. */
    _isWhole(letters) {
      const ends = [true];
      for (let end = 1; end <= letters.length; end++)
        for (let start = Math.max(0, end - LONGEST_SYLLABLE); start < end && !ends[end]; start++)
          ends[end] = ends[start] && this.charactersOf.has(letters.slice(start, end));
      return ends[letters.length] === true;
    }
  }

  /** Add a value to the list that a map has for a key. */
  function append(map, key, value) {
    if (!map.has(key)) map.set(key, []);
    map.get(key).push(value);
  }

  /** Keep of the states that end in one character only the best. */
  function keep(states, state) {
    if (!state) return;
    const same = states.findIndex(({ characters }) => characters.at(-1) === state.characters.at(-1));
    if (same < 0) states.push(state);
    else if (states[same].score < state.score) states[same] = state;
  }

  // How letters may go on with a syllable: by how many of them.
  const inFull = (syllable, letters) => (letters.startsWith(syllable) ? [syllable.length] : []);
  const byInitials = (syllable, letters) => (letters[0] === syllable[0] ? [1] : []);
  function unfinished(syllable, letters, isLast) {
    if (isLast && syllable.startsWith(letters)) return [letters.length];
    return [...inFull(syllable, letters), ...byInitials(syllable, letters)];
  }

  Object.assign(window.sphinxzhSearch, { Pinyin });
})();
