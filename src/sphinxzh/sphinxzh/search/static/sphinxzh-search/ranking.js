/* The sections that answer a query, best first.
 *
 * The rule: two steps.  The first adds up, over posting lists only, what each section has of the needs: BM25, whose
 * part for term and section is in the index already, times the idf; raised where the term stands in the title,
 * and met in part where it stands in the title of a section around.  The second looks at the titles of the
 * best few: how much of the query they are. */
"use strict";

(() => {
  const { fold, bigrams, pieces, isHan, parts, Index, Pinyin, Speller, Reader } = window.sphinxzhSearch;
  const WEIGHTS = {
    title: 0.25, // a term in the title, on top of its BM25
    around: 0.25, // a term in the title of a section around
    aroundMeets: 0.4, // how far that meets the need
    bond: 1.5, // a bigram between two words of the query
    power: 1,
    phrase: 0.8, // a whole run
    uncovered: 0.1, // what is left of the score of a section that meets nothing
    character: 0.3, // of a term, a character in a title
    like: 0.3, // a title like the query
    within: 0, // a title that has the query in it
    same: 1.2, // a title that is the query
  };
  const LOOKED_AT = 60; // sections whose titles are compared
  const LEAST = 0.05; // of the best score

  class Ranker {
    constructor(data) {
      this.index = new Index(data);
      this.weights = WEIGHTS;
      this.sums = new Float32Array(this.index.count);
      this.met = new Float32Array(this.index.count);
      this.need = new Float32Array(this.index.count); // what a need gives each section
      this.share = new Float32Array(this.index.count); // how far it is met
      this.titles = new Map(); // section → its title, alone and with those around, ready to be compared
    }

    /** Made when the first query is read: a reader who types no pinyin and no slip does not wait for it. */
    get reader() {
      const pinyin = (this._pinyin ??= new Pinyin(this.index));
      return (this._reader ??= new Reader(this.index, pinyin, new Speller(this.index, pinyin)));
    }

    /** { results, total, marks, guess, meant } of a query. */
    ask(query) {
      const asked = this.reader.read(query);
      const total = this._addUp(asked);
      const candidates = this._candidates();
      const results = candidates
        .slice(0, LOOKED_AT)
        .map((section) => ({ section, score: this.sums[section] + this._likeTitle(section, asked, total) }))
        .sort((a, b) => b.score - a.score || a.section - b.section);
      const kept = results.filter(({ score }) => score > LEAST * results[0].score);
      return { ...asked, results: kept, total: Math.max(kept.length, candidates.length) };
    }

    /** Fill in `sums`; what a section that met every need in full would have met. */
    _addUp({ needs, bonds, phrases }) {
      this.sums.fill(0);
      this.met.fill(0);
      let total = 0;
      for (const need of needs) total += this._addNeed(need);
      for (const [bond, most] of bonds) this._addBond(bond, most);
      const { uncovered } = this.weights;
      for (let section = 0; section < this.index.count; section++) {
        if (!this.sums[section]) continue;
        const share = total ? Math.min(1, this.met[section] / total) : 0;
        this.sums[section] *= uncovered + (1 - uncovered) * share ** this.weights.power;
      }
      for (const phrase of phrases) this._addPhrase(phrase, total);
      return total;
    }

    /** A section that has every bigram of a run in all likelihood has the run itself. */
    _addPhrase(phrase, total) {
      const list = this.index.postings(phrase);
      for (let i = 0; i < list.length; i++) this.sums[list.sections[i]] += this.weights.phrase * total * list.weights[i];
    }

    /** Add to each section the best that one of the need's terms gives it; the worth of the need. */
    _addNeed(need) {
      const { index, weights } = this;
      const worth = Math.max(...need.map(([term, factor]) => factor * index.idf(term)));
      this.need.fill(0);
      this.share.fill(0);
      for (const [term, factor] of need) {
        const list = index.postings(term);
        const value = factor * index.idf(term);
        for (let i = 0; i < list.length; i++) {
          const section = list.sections[i];
          const gain = value * (list.weights[i] + list.titled[i] * weights.title);
          this.need[section] = Math.max(this.need[section], gain);
          this.share[section] = 1;
          if (list.titled[i]) this._passOn(section, value * weights.around);
        }
      }
      for (let section = 0; section < index.count; section++) {
        this.sums[section] += this.need[section];
        this.met[section] += worth * this.share[section];
      }
      return worth;
    }

    /** A term in a title speaks for the sections within, too. */
    _passOn(section, gain) {
      for (let within = section + 1; within < this.index.end[section]; within++) {
        this.need[within] = Math.max(this.need[within], gain);
        this.share[within] = Math.max(this.share[within], this.weights.aroundMeets);
      }
    }

    _addBond(bond, most) {
      const list = this.index.postings(bond);
      const value = this.weights.bond * Math.min(most, this.index.idf(bond));
      for (let i = 0; i < list.length; i++)
        if (this.met[list.sections[i]]) this.sums[list.sections[i]] += value * list.weights[i];
    }

    /** The sections with a score, best first; beyond those that are looked at in no order. */
    _candidates() {
      const { sums } = this;
      const best = sums.reduce((most, sum) => Math.max(most, sum), 0);
      const found = [];
      for (let section = 0; section < sums.length; section++)
        if (sums[section] > LEAST * best) found.push(section);
      const order = (a, b) => sums[b] - sums[a] || a - b;
      if (found.length <= LOOKED_AT) return found.sort(order);
      const least = Float32Array.from(found, (section) => sums[section]).sort().at(-LOOKED_AT);
      const first = found.filter((section) => sums[section] >= least).sort(order);
      return [...first, ...found.filter((section) => sums[section] < least)];
    }

    /** What a title adds that is, or is like, the query. */
    _likeTitle(section, { text, guess, meant, needs }, total) {
      const { own, whole } = this._title(section);
      const { like, within, same } = this.weights;
      const wish = squeezed(guess && needs.length < 2 ? guess : meant || text);
      this.wish = this.wish?.text === wish ? this.wish : { text: wish, terms: this._rarities(meant || (guess && needs.length < 2) ? wish : text) };
      const likeness = Math.max(dice(this.wish.terms, own.terms), dice(this.wish.terms, whole.terms));
      let share = like * likeness;
      if (own.text && (own.text === wish || whole.text === wish)) share += same;
      else if (wish.length > 1 && own.text.includes(wish)) share += within;
      return share * total;
    }

    _title(section) {
      if (!this.titles.has(section)) {
        const own = fold(this.index.titles[section]);
        const raw = this.index.titles[section];
        const above = this.index.above(section);
        this.titles.set(section, {
          own: { text: squeezed(own), terms: this._rarities(raw) },
          whole: { text: squeezed(fold(above.join("")) + own), terms: this._rarities([...above, raw].join(" ")) },
        });
      }
      return this.titles.get(section);
    }

    /** The terms of a text, each with its idf. */
    _rarities(text) {
      const terms = pieces(text).flatMap((piece) => (isHan(piece) ? grams(fold(piece)) : parts(piece)));
      const found = new Map(terms.map((term) => [term, this.index.idf(term)]));
      const { character } = this.weights;
      if (character)
        for (const one of fold(text).replace(this.index.asks, " "))
          if (isHan(one)) found.set(one, character * this.index.titleIdf(one));
      return found;
    }
  }

  const squeezed = (text) => text.replace(/\s+/g, "");
  const grams = (run) => (run.length > 1 ? bigrams(Array.from(run)) : [run]);

  /** How much two texts share, between 0 and 1: Dice's coefficient of their terms, by rarity. */
  function dice(one, other) {
    const sum = (terms) => [...terms.values()].reduce((total, idf) => total + idf, 0);
    let shared = 0;
    for (const [term, idf] of one) if (other.has(term)) shared += idf;
    return (2 * shared) / (sum(one) + sum(other) || 1);
  }

  Object.assign(window.sphinxzhSearch, { Ranker });
})();
