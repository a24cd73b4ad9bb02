/* The sections that answer a query, best first.
 *
 * The rule: two steps.  The first adds up, over posting lists only, what each section has of the needs: BM25,
 * whose part for term and section is in the index already, times the idf; raised where the term stands in the
 * title, where words stand side by side as in the query, and where the whole of a run is found.  The second
 * looks at the titles of the best few: how much they are like the query. */
"use strict";

(() => {
  const { fold, bigrams, pieces, isHan, parts, Index, Pinyin, Speller, Reader } = window.sphinxzhSearch;
  const WEIGHTS = {
    title: 0.25, // a term in the title, on top of its BM25
    bond: 1.5, // a bigram between two words of the query
    phrase: 0.6, // a run of the query as a whole
    uncovered: 0.2, // what is left of the score of a section that meets nothing
    like: 0.45, // a title like the query
    character: 0.4, // in that, a character against a term
    same: 1.2, // a title that is the query
  };
  const LOOKED_AT = 30; // sections whose titles are compared
  const LEAST = 0.05; // of the best score

  class Ranker {
    constructor(data) {
      this.index = new Index(data);
      const pinyin = new Pinyin(this.index);
      this.reader = new Reader(this.index, pinyin, new Speller(this.index, pinyin));
      this.weights = WEIGHTS;
      this.sums = new Float32Array(this.index.count);
      this.met = new Float32Array(this.index.count);
      this.need = new Float32Array(this.index.count); // what a need gives each section
      this.titlesWith = new Map(); // term or character → how many titles have it
      for (const title of this.index.titles)
        for (const one of new Set([...terms(title), ...fold(title)]))
          this.titlesWith.set(one, (this.titlesWith.get(one) ?? 0) + 1);
      this.titles = new Map(); // section → its title, alone and with those around, ready to be compared
    }

    /** The best sections as `results`, how many there are as `total`, and what the reader made of the query. */
    ask(query) {
      const asked = this.reader.read(query);
      const total = this._addUp(asked);
      const candidates = this._candidates();
      const wish = this._weighed(asked.guess && asked.needs.length < 2 ? asked.guess : asked.meant || query);
      const results = candidates
        .slice(0, LOOKED_AT)
        .map((section) => ({ section, score: this.sums[section] + this._likeTitle(section, wish, total) }))
        .sort((a, b) => b.score - a.score || a.section - b.section);
      const kept = results.filter(({ score }) => score > LEAST * results[0].score);
      return { ...asked, results: kept, total: kept.length + Math.max(0, candidates.length - LOOKED_AT) };
    }

    /** Fill in `sums`; what a section that met every need in full would have met. */
    _addUp({ needs, bonds, phrases }) {
      this.sums.fill(0);
      this.met.fill(0);
      let total = 0;
      const worth = new Map();
      for (const need of needs) {
        worth.set(need, this._addNeed(need));
        total += worth.get(need);
      }
      for (const [bond, most] of bonds) this._addBond(bond, most);
      const { uncovered } = this.weights;
      for (let section = 0; section < this.index.count; section++) {
        if (!this.sums[section]) continue;
        const share = total ? Math.min(1, this.met[section] / total) : 0;
        this.sums[section] *= uncovered + (1 - uncovered) * share;
      }
      const sum = (own) => own.reduce((all, need) => all + worth.get(need), 0);
      for (const [phrase, own] of phrases) this._addPhrase(phrase, sum(own));
      return total;
    }

    /** A section that has every bigram of a run in all likelihood has the run itself. */
    _addPhrase(phrase, worth) {
      const list = this.index.postings(phrase);
      const value = this.weights.phrase * worth;
      for (let i = 0; i < list.length; i++) this.sums[list.sections[i]] += value * list.weights[i];
    }

    /** Add to each section the best that one of the need's terms gives it; what the need is worth.  Its terms
     *  count as one word, as rare as all of them together: each by itself, the rarest would count most. */
    _addNeed(need) {
      const { index, weights } = this;
      this.need.fill(0);
      let found = 0;
      for (const [term, factor] of need) {
        const list = index.postings(term);
        for (let i = 0; i < list.length; i++) {
          const section = list.sections[i];
          if (!this.need[section]) found++;
          const gain = factor * (list.weights[i] + list.titled[i] * weights.title);
          this.need[section] = Math.max(this.need[section], gain);
        }
      }
      const idf = index.rarity(found);
      const worth = idf * Math.max(...need.map(([, factor]) => factor));
      for (let section = 0; section < index.count; section++) {
        if (!this.need[section]) continue;
        this.sums[section] += idf * this.need[section];
        this.met[section] += worth;
      }
      return worth;
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
    _likeTitle(section, wish, total) {
      const { own, whole } = this._title(section);
      const { like, same } = this.weights;
      const isSame = own.text === wish.text || whole.text === wish.text;
      return total * (like * Math.max(alike(wish, own), alike(wish, whole)) + (isSame ? same : 0));
    }

    /** A section's title, alone and with those around it. */
    _title(section) {
      if (!this.titles.has(section)) {
        const title = this.index.titles[section];
        const whole = [...this.index.above(section), title].join(" ");
        this.titles.set(section, { own: this._weighed(title), whole: this._weighed(whole) });
      }
      return this.titles.get(section);
    }

    /** A text to be compared: without spaces, and its terms and characters by how rare they are in titles. */
    _weighed(text) {
      const rarity = (one) => this.index.rarity(this.titlesWith.get(one) ?? 0);
      const found = new Map(terms(text).map((term) => [term, rarity(term)]));
      for (const one of fold(text).replace(this.index.asks, " "))
        if (isHan(one)) found.set(one, this.weights.character * rarity(one));
      const sum = [...found.values()].reduce((all, one) => all + one, 0);
      return { text: fold(text).replace(/\s+/g, ""), terms: found, sum };
    }
  }

  /** Every term of a text. */
  function terms(text) {
    const grams = (run) => (run.length > 1 ? bigrams(Array.from(run)) : [run]);
    return pieces(text).flatMap((piece) => (isHan(piece) ? grams(fold(piece)) : parts(piece)));
  }

  /** How much two texts share, between 0 and 1: Dice's coefficient of their terms, weighed. */
  function alike(one, other) {
    let shared = 0;
    for (const [term, weight] of one.terms) if (other.terms.has(term)) shared += weight;
    return (2 * shared) / (one.sum + other.sum || 1);
  }

  Object.assign(window.sphinxzhSearch, { Ranker });
})();
