// Answers a search with the files beside the feeds: the same language and the same results as the daemon's
// (aggregator/model/expression, aggregator/normalizer/matching and search_records).
const search = (() => {
  const SHOWN = 50;
  const LONGEST = 200;
  const DEEPEST = 32;
  // After so many items whose files had to be read to decide, a search gives up.
  const MOST_READ = 1500;
  const MOST_TRIES = 3;
  const DAY = 86400;
  const FIELDS = {
    title: "words", text: "words", author: "words", topic: "name", tag: "name", source: "name", domain: "name", lang: "name",
    quality: "number", heat: "number", age: "age", published: "date", updated: "date", has: "choice", search: "search",
    link: "server", category: "owner", type: "owner", path: "owner", is: "owner",
  };
  const EXAMPLES = {
    title: 'title:"heat pump"', text: "text:tariff", author: "author:lee", topic: "topic:Energy", tag: "tag:wind",
    source: 'source:"Harbour Desk"', domain: "domain:example.org", lang: "lang:de", quality: "quality:>=70", heat: "heat:-5..5",
    age: "age:<7d", published: "published:2026-11", updated: "updated:>=2026-11-20", has: "has:image", search: "search:my-query",
  };
  const KINDS = { number: "number", age: "age", date: "date" };
  const TRAITS = ["author", "heat", "image", "media", "quality", "source", "tag", "topic"];
  const SIGNS = { "|": "OR", "||": "OR", "&": "AND", "&&": "AND", "!": "NOT", "+": "" };
  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const UNITS = { w: 604800, d: DAY, h: 3600, m: 60, s: 1 };
  const LARGEST = 10 ** 15;
  const LONGEST_AGE = 10_000 * 366 * DAY;
  const FIRST_DATE = Date.UTC(1000, 0, 1) / 1000;
  const LAST_DATE = Date.UTC(9999, 0, 1) / 1000 - 1;

  class Mistake extends Error {
    constructor(reason, hint) {
      super(reason);
      this.hint = hint;
    }
  }

  // -- words

  // Keep in sync with NO_SPACES in aggregator/model/scripts.py.
  const UNSPACED =
    /[\u0e00-\u0eff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\u{1b000}-\u{1b16f}\u{20000}-\u{3ffff}]/u;
  const LETTER = /[\p{L}\p{N}\p{M}]/u;
  const inWord = (one) => (one.codePointAt(0) < 128 ? /[A-Za-z0-9_]/.test(one) : LETTER.test(one) && !UNSPACED.test(one));

  // What Unicode calls the full case folding, as far as the decomposition that follows does not do it.
  const lower = (text) =>
    text
      .replace(/[\u1e9e\u00df]/g, "ss")
      .replace(/\u0587/g, "\u0565\u0582")
      .replace(/[\u0345\u1f80-\u1fff]/g, withIota)
      .toLowerCase()
      .replace(/\u03c2/g, "\u03c3")
      // Old forms of Cyrillic letters have capitals, which are those of today's.
      .replace(/[\u1c80-\u1c88]/g, (one) => one.toUpperCase().toLowerCase())
      // Cherokee folds to its capitals.
      .replace(/[\uab70-\uabbf]/g, (one) => String.fromCharCode(one.charCodeAt(0) - 0xab70 + 0x13a0))
      .replace(/[\u13f8-\u13fd]/g, (one) => String.fromCharCode(one.charCodeAt(0) - 8));
  function withIota(one) {
    const apart = one.normalize("NFD");
    return apart.includes("\u0345") ? apart.replace("\u0345", "\u03b9") : one;
  }
  const SAME = [
    [/[\u2018\u2019\u02bc]/g, "'"], [/[\u201c\u201d\u201e]/g, '"'], [/[\u2010\u2011]/g, "-"], [/[\u00ad\u200b\u2060\ufeff]/g, ""],
  ];

  // Accents and points go; marks of the classes 0, 7, 8 and 9 make another letter. A mark changes place with one of a
  // higher class behind which it stands, or of a lower one before which it stands, and so tells its own.
  const isMoved = (marks) => `a${marks}`.normalize("NFD") !== `a${marks}`;
  const CLASS_1 = "\u0334";
  const CLASS_6 = "\u{16ff0}";
  const CLASS_10 = "\u05b0";
  const CLASS_240 = "\u0345";
  const isAccent = (one) =>
    (isMoved(one + CLASS_1) || isMoved(CLASS_240 + one)) && !(isMoved(one + CLASS_6) && isMoved(CLASS_10 + one));
  const withoutAccents = (text) => text.replace(/\p{M}/gu, (one) => (isAccent(one) ? "" : one));

  function fold(text) {
    let folded = text;
    for (const [one, other] of SAME) folded = folded.replace(one, other);
    folded = lower(folded).normalize("NFKD");
    if (!/^[\0-\x7f]*$/.test(folded)) folded = lower(withoutAccents(folded).normalize("NFC"));
    return folded.split(/[\s\x1c-\x1f\x85]+/u).filter(Boolean).join(" ");
  }

  function hasWords(text, words) {
    const begins = inWord([...words][0]);
    const ends = inWord([...words].pop());
    for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + 1)) {
      const before = [...text.slice(Math.max(0, at - 2), at)].pop();
      const after = [...text.slice(at + words.length, at + words.length + 2)][0];
      if (!(begins && before && inWord(before)) && !(ends && after && inWord(after))) return true;
    }
    return false;
  }

  const PLAIN = { w: "w", t: "t", a: "a" };
  const CODED = { w: "x", t: "u", a: "b" };

  function tokens(folded, where) {
    const found = [];
    let word = "";
    const end = () => {
      if (word) found.push(token(word, where));
      word = "";
    };
    for (const one of folded) {
      if (inWord(one)) word += one;
      else {
        end();
        if (UNSPACED.test(one)) found.push(token(one, where));
      }
    }
    end();
    return found;
  }

  const token = (word, where) =>
    /^[a-z0-9]+$/.test(word) ? PLAIN[where] + word : CODED[where] + [...word].map((one) => one.codePointAt(0).toString(16)).join("g");

  // -- from text to a tree

  function parse(written) {
    // What Python takes for a blank, and JavaScript does not, and the other way round.
    const text = written.replace(/[\x1c-\x1f\x85]/g, " ").replace(/\ufeff/g, "\u2060");
    let at = 0;
    let depth = 0;
    let lowerOperator = "";
    let hasFields = false;

    const rest = (pattern) => {
      pattern.lastIndex = at;
      return pattern.exec(text);
    };
    const peek = () => {
      while (at < text.length && /\s/u.test(text[at])) at += 1;
      return text[at] ?? "";
    };
    const nextOperator = () => {
      peek();
      return rest(/(AND|OR|NOT)(?=[\s()"]|$)/uy)?.[1] ?? "";
    };
    const operator = (wanted) => {
      const isNext = nextOperator() === wanted;
      if (isNext) at += wanted.length;
      return isNext;
    };
    const deeper = (read) => {
      depth += 1;
      if (depth > DEEPEST) throw new Mistake(`is nested more than ${DEEPEST} deep`, "write it in fewer parentheses");
      const found = read();
      depth -= 1;
      return found;
    };
    const comparable = (written) => {
      const single = written.split(/\s+/u).filter(Boolean).join(" ").normalize("NFC");
      if (!fold(single)) throw new Mistake("there is nothing to look for", "write a word");
      return single;
    };

    function or() {
      const parts = [and()];
      while (operator("OR")) parts.push(and());
      return parts.length === 1 ? parts[0] : { kind: "or", parts };
    }

    function and() {
      const parts = [not()];
      for (;;) {
        if (!operator("AND") && (["", ")"].includes(peek()) || nextOperator() === "OR")) break;
        parts.push(not());
      }
      return parts.length === 1 ? parts[0] : { kind: "and", parts };
    }

    function not() {
      const isMinus = peek() === "-";
      if (isMinus && !(text[at + 1] ?? "").trim()) throw new Mistake("expected a condition right behind `-`", "write `-word`, or quote the sign");
      if (isMinus) at += 1;
      if (isMinus || operator("NOT")) return { kind: "not", part: deeper(not) };
      if (peek() !== "(") return condition();
      at += 1;
      const inner = deeper(or);
      if (peek() !== ")") throw new Mistake("this `(` is never closed", "write a `)`");
      at += 1;
      return inner;
    }

    function condition() {
      if (nextOperator() || ["", ")"].includes(peek())) {
        const found = nextOperator() || peek();
        throw new Mistake(`expected a condition, found ${found ? `\`${found}\`` : "the end"}`, "write a word, or one such as `topic:Energy`");
      }
      if (peek() === '"') return { kind: "words", field: "", text: phrase() };
      if (peek() === "/") throw new Mistake("a pattern is only for the owner of the site", "write words or a phrase");
      const named = rest(/([A-Za-z_]+):/y);
      if (named) return ofField(named[1]);
      const comparison = rest(/>=|<=|>|</y);
      if (comparison) throw new Mistake("a comparison needs a field before it", `write \`quality:${comparison[0]}70\`, or quote the sign`);
      const found = word();
      if (Object.hasOwn(SIGNS, found)) throw new Mistake(`\`${found}\` is no operator`, SIGNS[found] ? `write \`${SIGNS[found]}\`` : "remove it");
      if (["and", "or", "not"].includes(found.toLowerCase())) lowerOperator ||= found;
      return { kind: "words", field: "", text: found };
    }

    function ofField(name) {
      const field = name.toLowerCase();
      if (!Object.hasOwn(FIELDS, field)) {
        if (["http", "https"].includes(field)) throw new Mistake(`\`${name}\` is no field`, `write \`"${name}:…"\` for the text`);
        const known = Object.keys(EXAMPLES).join(", ");
        throw new Mistake(`unknown field \`${name}\``, `known: ${known}; quote a \`:\` that is meant`);
      }
      hasFields = true;
      const kind = FIELDS[field];
      if (kind === "owner") throw new Mistake("only the owner of the site may ask this", "remove it");
      if (kind === "server") throw new Mistake(`\`${field}:\` can only be answered by a server, which this site does without`, "remove it");
      at += name.length + 1;
      const following = text[at] ?? "";
      if (!following.trim() || following === ")") throw new Mistake(`\`${field}:\` needs a value right behind it`, `such as \`${EXAMPLES[field]}\``);
      if (following === "(") throw new Mistake(`expected one value behind \`${field}:\``, `write \`(${field}:… OR ${field}:…)\``);
      if (Object.hasOwn(KINDS, kind)) return range(field, kind);
      if (kind === "choice") return choice(field);
      if (following === "/" && kind !== "search") throw new Mistake("a pattern is only for the owner of the site", "write words or a phrase");
      const comparison = rest(/>=|<=|>|</y);
      if (comparison) throw new Mistake(`\`${field}\` has no order, so no \`${comparison[0]}\``, `such as \`${EXAMPLES[field]}\``);
      return { kind, field, text: following === '"' ? phrase() : word() };
    }

    function phrase() {
      const found = rest(/"((?:[^"\\]|\\.)*)"/suy);
      if (!found) throw new Mistake('this `"` is never closed', 'write a `"` at its end');
      at += found[0].length;
      return comparable(found[1].replace(/\\(.)/gsu, "$1"));
    }

    function value() {
      const found = rest(/[^\s()"]+/uy)?.[0] ?? "";
      at += found.length;
      return found;
    }

    function word() {
      const found = value();
      if (found.endsWith("*")) throw new Mistake("a `*` stands for nothing here", "write whole words, or quote it");
      return comparable(found);
    }

    function choice(field) {
      const found = value().toLowerCase();
      if (!TRAITS.includes(found)) {
        if (["body", "category", "excerpt", "expires", "lang", "related", "type", "updated"].includes(found)) {
          throw new Mistake("only the owner of the site may ask this", "remove it");
        }
        throw new Mistake(`\`${field}\` cannot be \`${found}\``, `one of ${TRAITS.join(", ")}`);
      }
      return { kind: "name", field, text: found };
    }

    function range(field, kind) {
      const written = value();
      const sign = /^(?:>=|<=|>|<)/.exec(written)?.[0] ?? "";
      const bare = written.slice(sign.length);
      const dots = bare.indexOf("..");
      if (!bare || bare === ".." || (sign && dots >= 0)) throw new Mistake(`expected ${kind === "age" ? "an" : "a"} ${KINDS[kind]} behind \`${field}:\``, `such as \`${EXAMPLES[field]}\``);
      const read = { number, age, date }[kind];
      if (dots >= 0) {
        const [low, high] = [bare.slice(0, dots), bare.slice(dots + 2)];
        const [least, most] = [low ? read(low)[0] : -Infinity, high ? read(high)[1] : Infinity];
        if (least > most) throw new Mistake("nothing is in this range", `write \`${field}:${high}..${low}\``);
        return { kind: "range", field, least, most };
      }
      const [first, last] = read(bare);
      if (!sign && kind === "age") throw new Mistake("no item is exactly so old", `write \`${field}:<${bare}\` or \`${field}:>${bare}\``);
      const [least, most] = {
        ">=": [first, Infinity], ">": [last + 1, Infinity], "<=": [-Infinity, last], "<": [-Infinity, first - 1], "": [first, last],
      }[sign];
      return { kind: "range", field, least, most };
    }

    if ([...text].length > LONGEST) throw new Mistake(`an expression has at most ${LONGEST} characters here`, "shorten it");
    const tree = or();
    if (peek() === ")") throw new Mistake("this `)` closes nothing", "remove it, or write a `(` before it");
    if (lowerOperator && hasFields) {
      throw new Mistake(`\`${lowerOperator}\` is a word here, not an operator`, `write \`${lowerOperator.toUpperCase()}\`, or \`"${lowerOperator}"\` if the word is meant`);
    }
    return tree;
  }

  function number(text) {
    if (!/^[+-]?[0-9]{1,16}$/.test(text)) throw new Mistake(`expected a whole number, found \`${text}\``, "such as `70`");
    if (Math.abs(Number(text)) > LARGEST) throw new Mistake(`\`${text}\` is too large`, `write a number from -${LARGEST} to ${LARGEST}`);
    return [Number(text), Number(text)];
  }

  function age(text) {
    const found = /^([0-9]{1,12})([a-z]+)$/i.exec(text);
    const unit = found?.[2].toLowerCase();
    if (!found || !Object.hasOwn(UNITS, unit)) throw new Mistake(`expected an age, found \`${text}\``, "such as `30m`, `12h`, `7d` or `2w`");
    const seconds = found[1] * UNITS[unit];
    if (seconds > LONGEST_AGE) throw new Mistake(`\`${text}\` is too long`, "an age has at most ten thousand years");
    return [seconds, seconds];
  }

  // The first and the last second of a date.
  function date(text) {
    const found = /^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?$/i.exec(text);
    if (!found) throw new Mistake(`expected a date, found \`${text}\``, "such as `2026`, `2026-11`, `2026-11-30` or `2026-11-30T10:00`");
    const [year, month, day, hour, minute, second] = found.slice(1, 7).map((one) => (one === undefined ? undefined : Number(one)));
    const start = new Date(0);
    start.setUTCFullYear(year, (month ?? 1) - 1, day ?? 1);
    start.setUTCHours(hour ?? 0, minute ?? 0, second ?? 0);
    const zone = /^([+-])([0-9]{2}):([0-9]{2})$/.exec(found[7] ?? "");
    const isReal = start.getUTCMonth() + 1 === (month ?? 1) && start.getUTCDate() === (day ?? 1) && (hour ?? 0) < 24 && (minute ?? 0) < 60 && (second ?? 0) < 60;
    if (!isReal || (zone && (zone[2] > 23 || zone[3] > 59))) throw new Mistake(`\`${text}\` is no date of the calendar`, "look at its year, month and day");
    const end = new Date(start);
    if (month === undefined) end.setUTCFullYear(year + 1);
    else if (day === undefined) end.setUTCMonth(month);
    else end.setTime(start.getTime() + (hour === undefined ? DAY : second === undefined ? 60 : 1) * 1000);
    const offset = zone ? (zone[2] * 3600 + zone[3] * 60) * (zone[1] === "-" ? -1 : 1) : 0;
    const span = [start.getTime() / 1000 - offset, end.getTime() / 1000 - offset - 1];
    if (span[0] < FIRST_DATE || span[1] > LAST_DATE) throw new Mistake(`\`${text}\` is too far away`, "write a year from 1000 to 9998");
    return span;
  }

  // -- which items

  // `maybe` are the items that a condition may choose; `sure` those among them that it does choose.
  class Finder {
    constructor(index, now) {
      this.index = index;
      this.now = now;
      this.known = new Map();
    }

    // pagefind's own sorting takes quadratic time, and without it all items come in the order in which they went in.
    search(words, filters = {}) {
      const key = JSON.stringify([words, filters]);
      if (!this.known.has(key)) this.known.set(key, this.index.search(words, { filters }));
      return this.known.get(key);
    }

    async ids(words, filters) {
      return (await this.search(words, filters)).results.map((one) => one.id);
    }

    // All items, the newest first.
    all() {
      return this.ids(null);
    }

    async find(node) {
      if (node.kind === "or" || node.kind === "and") {
        const parts = await Promise.all(node.parts.map((part) => this.find(part)));
        const joined = node.kind === "or" ? either : every;
        return { maybe: joined(parts.map((part) => part.maybe)), sure: joined(parts.map((part) => part.sure)) };
      }
      if (node.kind === "not") {
        const [part, all] = await Promise.all([this.find(node.part), this.all()]);
        const without = (ids) => new Set(all.filter((id) => !ids.has(id)));
        return { maybe: without(part.sure), sure: without(part.maybe) };
      }
      return this.leaf(node);
    }

    async leaf(node) {
      if (node.kind === "words") return this.words(node);
      if (node.kind === "range") return this.range(node);
      const maybe = new Set(await this.ids(null, { [node.field]: valueOf(node) }));
      if (node.kind === "search" && !maybe.size) throw new Mistake(`there is no search \`${node.text}\`, or nothing is in it`, "remove it");
      return { maybe, sure: maybe };
    }

    async words({ field, text }) {
      const folded = fold(text);
      const wanted = tokens(folded, { title: "t", author: "a" }[field] ?? "w");
      if (!wanted.length) return { maybe: new Set(await this.all()), sure: new Set() };
      const maybe = new Set(await this.ids(`"${wanted.join(" ")}"`));
      // A single word decides; what stands between several ones, or beside one, is in the text alone.
      const decides = wanted.length === 1 && field !== "text" && [...folded].every(inWord);
      return { maybe, sure: decides ? maybe : new Set() };
    }

    async range({ field, least, most }) {
      const [key, low, high] = field === "age" ? ["published", this.now - most, this.now - least] : [field, least, most];
      const isDate = key === "published" || key === "updated";
      // Only what was asked for is loaded, so ask for a value that no item has.
      const values = Object.keys((await this.search(null, { [key]: "" })).totalFilters[key] ?? {});
      const span = (value) => (isDate ? [value * DAY, value * DAY + DAY - 1] : [Number(value), Number(value)]);
      const some = values.filter((value) => span(value)[1] >= low && span(value)[0] <= high);
      const inside = some.filter((value) => span(value)[0] >= low && span(value)[1] <= high);
      const chosen = async (any) => new Set(any.length ? await this.ids(null, { [key]: { any } }) : []);
      return { maybe: await chosen(some), sure: await chosen(inside) };
    }

    // Whether a tree chooses an item, by what its file says.
    chooses(node, item) {
      if (node.kind === "or") return node.parts.some((part) => this.chooses(part, item));
      if (node.kind === "and") return node.parts.every((part) => this.chooses(part, item));
      if (node.kind === "not") return !this.chooses(node.part, item);
      if (node.kind === "words") {
        const wanted = fold(node.text);
        const texts = { title: [fold(item.title)], text: [item.text ?? ""], author: [item.author ?? ""] };
        return (texts[node.field] ?? [...texts.title, ...texts.text]).some((text) => hasWords(text, wanted));
      }
      if (node.kind !== "range") return (item.values[node.field] ?? []).includes(valueOf(node));
      const found = { published: item.published, updated: item.updated ?? item.published, age: this.now - item.published }[node.field];
      const numbers = found === undefined ? (item.values[node.field] ?? []).map(Number) : [found];
      return numbers.some((one) => one >= node.least && one <= node.most);
    }
  }

  const either = (sets) => new Set(sets.flatMap((ids) => [...ids]));
  const every = ([first, ...others]) => new Set([...first].filter((id) => others.every((ids) => ids.has(id))));

  // The value by which a condition chooses: see `search_records`.
  function valueOf({ field, text }) {
    if (field === "search") return text;
    const folded = fold(text).replaceAll("\\", "\uff3c").replaceAll('"', "\uff02");
    if (field === "source" || field === "domain") return folded.replace(/^www\./, "");
    return field === "lang" ? folded.replaceAll("_", "-") : folded;
  }

  // -- the files

  const files = new URL("../pagefind/", location.href);

  async function entry() {
    const response = await fetch(new URL(`pagefind-entry.json?ts=${Date.now()}`, files), { cache: "no-store" });
    if (!response.ok) throw new Error(`${response.status}`);
    return response.text();
  }

  // The item of a file; null if it was withdrawn since the index was made, whatever the browser's cache may still have.
  async function itemOf(id) {
    const response = await fetch(new URL(`fragment/${id}.pf_fragment`, files), { cache: "no-cache" });
    if (response.status === 404 || response.status === 410 || response.status === 403) return null;
    if (!response.ok) throw new Error(`${response.status}`);
    const text = await new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).text();
    const found = JSON.parse(text.slice(text.indexOf("{")));
    return { ...JSON.parse(found.url), values: found.filters };
  }

  // What `work` returns, unless a part of the index could not be loaded: pagefind takes that for an empty one.
  async function wholly(work) {
    const { fetch } = globalThis;
    const failed = [];
    globalThis.fetch = async (...request) => {
      const response = await fetch(...request).catch((error) => { failed.push(error); throw error; });
      if (!response.ok) failed.push(response.status);
      return response;
    };
    try {
      const { made, error } = await work().then((made) => ({ made }), (error) => ({ error }));
      if (failed.length) throw new Error(`${failed[0]}`);
      if (error) throw error;
      return made;
    } finally {
      globalThis.fetch = fetch;
    }
  }

  // The items that a tree chooses, the newest first, at most one more than are shown; `known` is what names the index.
  async function look(tree, known) {
    if (!Object.keys(JSON.parse(known).languages).length) return [];
    const { createInstance } = await import(new URL("pagefind.js", files).href);
    const finder = new Finder(createInstance({ noWorker: true, basePath: files.pathname }), Math.floor(Date.now() / 1000));
    const { maybe, sure, all } = await wholly(async () => ({ ...(await finder.find(tree)), all: await finder.all() }));
    const ids = all.filter((id) => maybe.has(id));
    const items = [];
    for (let at = 0; at < ids.length && items.length <= SHOWN; at += SHOWN + 1) {
      if (at > MOST_READ) throw new Mistake("the search takes too long", "narrow it, with a topic or `age:<30d`");
      const some = ids.slice(at, at + SHOWN + 1);
      const read = await Promise.all(some.map(itemOf));
      items.push(...read.filter((item, index) => item && (sure.has(some[index]) || finder.chooses(tree, item))));
    }
    return items;
  }

  // As `look`, but if other files came meanwhile it looks again: some of the old ones may have gone before they were read.
  async function found(tree) {
    for (let tries = 1; ; tries += 1) {
      const known = await entry();
      const { items, error } = await look(tree, known).then((items) => ({ items }), (error) => ({ error }));
      if (tries < MOST_TRIES && !(error instanceof Mistake) && (await entry()) !== known) continue;
      if (error) throw error;
      return items;
    }
  }

  return { parse, found, fold, tokens, hasWords, Mistake, SHOWN, MONTHS };
})();

(() => {
  const place = document.getElementById("found");
  const field = document.getElementById("q");
  const made = (name, properties = {}, ...parts) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...parts);
    return element;
  };
  // After so many milliseconds the page says that it is searching.
  const PATIENCE = 400;
  const withCode = (line) => line.split("`").map((part, index) => (index % 2 ? made("code", { textContent: part }) : part));

  function show(...parts) {
    place.replaceChildren(...parts);
    place.removeAttribute("aria-busy");
    page.showTimes(place);
  }

  function showMistake(reason, hint) {
    const line = made("p", { className: "verdict" }, ...withCode(reason), ...(hint ? [": ", ...withCode(hint)] : []), hint?.endsWith("?") ? "" : ".");
    line.setAttribute("role", "alert");
    show(line);
  }

  function moment(seconds) {
    const at = new Date(seconds * 1000);
    const iso = `${at.toISOString().slice(0, 19)}Z`;
    return made("time", { dateTime: iso, textContent: `${at.getUTCDate()} ${search.MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}, ${iso.slice(11, 16)} UTC` });
  }

  // The language of a seed's text is not known here, so its direction is the text's own.
  function line(item) {
    const link = /^https?:\/\//i.test(item.link) ? made("a", { href: item.link, textContent: item.title }) : made("span", { textContent: item.title });
    return made("li", { dir: "auto" }, link, " ", moment(item.published));
  }

  function showItems(items) {
    const shown = items.slice(0, search.SHOWN);
    const title = items.length > shown.length ? `More than ${shown.length} items, of which these are the newest` : items.length ? page.counted(items.length, "item") : "Nothing found";
    const below = items.length ? made("ol", { className: "results" }, ...shown.map(line)) : made("p", { textContent: "Only whole words count: try fewer, or others." });
    show(made("h2", { textContent: title }), below);
    document.getElementById("said").textContent = title;
  }

  async function answer(text) {
    place.setAttribute("aria-busy", "true");
    setTimeout(() => place.hasAttribute("aria-busy") && place.replaceChildren(made("h2", { textContent: "Searching…" })), PATIENCE);
    try {
      showItems(await search.found(search.parse(text)));
    } catch (error) {
      if (error instanceof search.Mistake) showMistake(error.message, error.hint);
      else if (location.protocol === "file:") showMistake("a browser cannot search a folder on a disk", "serve it, as with `aggregator serve`");
      else showMistake("the search cannot be loaded now", "try again later");
    }
  }

  const text = (new URLSearchParams(location.search).get("q") ?? "").trim();
  if (text) {
    field.value = text;
    document.title = `${text} – ${document.title}`;
    answer(text);
  }
  page.start();
})();
