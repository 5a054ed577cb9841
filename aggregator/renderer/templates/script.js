// Improves a page that also works without it: copy buttons, the search field, sorting, reading on, and updates while it
// is open.
(() => {
  const PARTS = "[id^=feed-], article, .live";
  const FOCUSABLE = "a, button, summary, input, select";
  const { all, counted, root, hideFailed, showTimes } = page;
  const { feed } = document.documentElement.dataset;
  const announcement = document.getElementById("said");
  const find = document.getElementById("find");
  const sort = document.getElementById("sort");
  // On this machine, the address that answers now is copied: the public one may not exist yet.
  const isLocal = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);
  const address = (!isLocal && document.querySelector("link[rel=canonical]")?.href) || location.href;
  // The HTML of each part before this script changed it.
  const sources = new WeakMap();

  // -- copy

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Without https, only a selection can be copied.
      const field = Object.assign(document.createElement("textarea"), { value: text, className: "hidden" });
      const before = document.activeElement;
      document.body.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      before?.focus({ preventScroll: true });
      return done;
    }
  }

  function copyButton(words, name, text) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
    button.setAttribute("aria-label", `${words}: ${name}`);
    button.addEventListener("click", async () => {
      const done = await copy(text);
      button.textContent = done ? "Copied" : "Not copied";
      announcement.textContent = done ? "Copied" : `Not copied. Copy it yourself: ${text}`;
      setTimeout(() => {
        button.textContent = words;
        announcement.textContent = "";
      }, 2500);
    });
    return button;
  }

  function enhance(within) {
    for (const code of all(".address", within)) {
      code.textContent = new URL(code.dataset.href, address).href;
      code.parentElement.prepend(copyButton("Copy feed address", code.dataset.name, code.textContent));
      code.parentElement.firstChild.className = "primary";
    }
    for (const link of all(".list > li > a", within)) {
      link.parentElement.append(copyButton("Copy", link.textContent, new URL(`${link.getAttribute("href")}rss.xml`, address).href));
    }
    for (const code of all("code.copy", within)) code.after(copyButton("Copy", code.textContent, code.textContent));
    for (const more of all("article .more", within)) offerToRead(more);
    for (const picture of all("img", within)) if (picture.complete && !picture.naturalWidth) hideFailed({ target: picture });
    showTimes(within);
  }

  // -- values of bars

  function showDay({ target, clientX }) {
    const bars = target.closest?.("svg[data-n]");
    for (const one of all(".day")) if (one.before !== bars) Object.assign(one, { textContent: one.words, className: "" });
    const caption = bars?.nextElementSibling;
    if (!caption) return;
    const counts = bars.dataset.n.split(",");
    const { left, width } = bars.getBoundingClientRect();
    const day = Math.min(counts.length - 1, Math.max(0, Math.floor(((clientX - left) / width) * counts.length)));
    const date = new Date(Date.parse(bars.dataset.d) - (counts.length - 1 - day) * 86400000);
    const words = date.toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
    caption.words ??= caption.textContent;
    Object.assign(caption, { before: bars, textContent: `${counts[day]} on ${words}`, className: "day" });
  }
  document.addEventListener("pointermove", showDay);

  // -- reading on: the whole text is in the JSON feed beside the page

  let texts;
  function loadTexts() {
    texts ??= fetch("feed.json", { cache: "no-cache", signal: AbortSignal.timeout?.(20000) }).then(async (answer) => {
      const { items } = await answer.json();
      return new Map(items.map((item) => [item.id, item.content_html]));
    });
    return texts;
  }

  function shown(text) {
    const { body } = new DOMParser().parseFromString(text, "text/html");
    for (const picture of all("img", body)) Object.assign(picture, { loading: "lazy", referrerPolicy: "no-referrer" });
    // What may be wider than a phone must be reached by keyboard, to be scrolled.
    for (const wide of all("pre, table", body)) wide.tabIndex = 0;
    // The page has a list of related items of its own.
    const [last, list] = [all("h4", body).at(-1), body.lastElementChild];
    if (last?.textContent === "Related coverage" && last.nextElementSibling === list) {
      last.remove();
      list.remove();
    }
    // The item's title is an h2.
    for (const heading of all("h1, h2, h3, h4, h5, h6", body)) {
      const below = document.createElement(`h${Math.min(6, Number(heading.localName[1]) + 2)}`);
      below.append(...heading.childNodes);
      heading.replaceWith(below);
    }
    // An id of the text could be one of the page's.
    for (const one of all("[id]", body)) one.removeAttribute("id");
    const div = Object.assign(document.createElement("div"), { className: "text" });
    div.append(...[...body.childNodes].map((one) => document.importNode(one, true)));
    return div;
  }

  function offerToRead(more) {
    if (location.protocol === "file:") return;
    const link = more.querySelector("a");
    const article = more.closest("article");
    const details = document.createElement("details");
    details.append(Object.assign(document.createElement("summary"), { textContent: "Read on" }));
    details.className = "read";
    details.load = async () => {
      const text = (await loadTexts()).get(article.id);
      if (!text) throw new Error("the feed has changed");
      if (text === details.text) return;
      details.text = text;
      details.querySelector(".text")?.remove();
      details.append(shown(text));
    };
    details.addEventListener("toggle", async () => {
      try {
        if (details.open) await details.load();
      } catch {
        texts = undefined;
        if (!details.text) location.assign(link.href);
      }
    });
    more.replaceWith(details);
  }

  // Who follows a link to an item of an archive page that was cut since finds it on a page before that, of the same month.
  function goToOlderPage() {
    const id = decoded(location.hash.slice(1));
    const before = document.querySelector("[rel=prev]");
    if (!id.includes(":") || document.getElementById(id) || !before) return;
    const [here, there] = [location, before].map((url) => /\/(\d{4}-\d\d)[^/]*\/(index\.html)?$/.exec(url.pathname)?.[1]);
    if (here && here === there) location.replace(before.href + location.hash);
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  // -- search

  const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  function filter() {
    if (!find) return;
    const words = folded(find.value).split(/\s+/).filter(Boolean);
    const cards = all("main [id^=feed-]:not(.start)");
    let matches = 0;
    for (const card of cards) {
      const text = folded(all("h2, h3, h4, h5, h6, .d, .n, .list > li > a", card).map((one) => one.textContent).join(" "));
      const fits = words.every((word) => text.includes(word));
      card.toggleAttribute("data-fits", fits);
      card.hidden = !fits && !card.classList.contains("head");
      matches += fits;
    }
    for (const branch of all(".branch")) branch.hidden = !branch.querySelector("[data-fits]");
    for (const start of all(".start, .next")) start.hidden = words.length > 0;
    const count = `${matches} of ${counted(cards.length, "feed")} shown`;
    document.getElementById("shown").textContent = !words.length ? "" : matches ? count : `No feed matches. ${count}.`;
  }

  function startSearch() {
    find.form.hidden = false;
    find.addEventListener("input", filter);
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        find.focus();
      } else if (event.key === "Escape" && event.target === find) {
        find.value = "";
        filter();
      } else if (event.key === "Enter" && event.target === find && find.value.trim()) {
        const feed = document.querySelector("main [data-fits]:not([hidden]) a");
        // Without a feed that fits, the form searches items, if there is a search.
        if (feed || !find.form.getAttribute("action")) event.preventDefault();
        feed?.click();
      }
    });
    sort?.addEventListener("change", () => arrange(document));
    if (sort) arrange(document);
    find.value ||= new URLSearchParams(location.search).get("q") ?? "";
    // The browser may have kept the text of an earlier visit.
    filter();
  }

  // -- sorting

  const ORDERS = {
    name: (one) => folded(one.querySelector("a").textContent),
    newest: (one) => -Date.parse((one.querySelector("time")?.written ?? one.querySelector("time")?.textContent ?? "").replace(" ", "T")) || 0,
    busiest: (one) => -one.dataset.b,
  };

  // The places of rows in the order of topics, by their ids.
  let places = new Map();

  function arrange(within) {
    const list = within.querySelector(".list");
    if (!list) return;
    const rows = [...list.children];
    if (within !== document || !places.size) places = new Map(rows.map((row, index) => [row.id, index]));
    const key = ORDERS[sort.value] ?? ((row) => places.get(row.id));
    const keys = new Map(rows.map((row) => [row, key(row)]));
    rows.sort((one, other) => {
      const [before, after] = [keys.get(one), keys.get(other)];
      return before < after ? -1 : before > after ? 1 : places.get(one.id) - places.get(other.id);
    });
    list.append(...rows);
    document.querySelector(".list").classList.toggle("flat", Boolean(sort.value));
  }

  // -- updates

  // The main element is a tree: elements that hold parts, and leaves, each of which is replaced as a whole.
  const holds = (one) => one.localName === "main" || (!one.matches(PARTS) && one.querySelector(PARTS));
  const leaves = (one) => (holds(one) ? [...one.children].flatMap(leaves) : [one]);
  const key = (leaf) => leaf.id || leaf.querySelector("a")?.getAttribute("href") || leaf.localName;

  function rememberSources(main) {
    for (const leaf of leaves(main)) sources.set(leaf, leaf.outerHTML);
  }

  function keepOpen(from, to) {
    const before = all("details", from);
    all("details", to).forEach((one, index) => {
      const same = one.id ? before.find((other) => other.id === one.id) : before[index];
      one.open = Boolean(same?.open);
    });
  }

  // Returns the leaf to show: the one that is on the page, if nothing in it has changed.
  function current(leaf, known) {
    const old = known.get(key(leaf));
    known.delete(key(leaf));
    if (old && sources.get(old) === sources.get(leaf)) {
      old.classList.remove("fresh");
      return old;
    }
    enhance(leaf);
    if (old) keepOpen(old, leaf);
    leaf.classList.toggle("fresh", leaf.matches(PARTS) && !leaf.matches(".live"));
    return leaf;
  }

  // Gives `old` the children of `fresh`. Unchanged ones are not moved: half-typed or selected text would be lost.
  function merge(old, fresh, known) {
    const branches = [...old.children].filter(holds);
    const children = [...fresh.children].map((one) => {
      if (!holds(one)) return current(one, known);
      const index = branches.findIndex((other) => other.localName === one.localName && other.className === one.className);
      const [branch] = index < 0 ? [one.cloneNode()] : branches.splice(index, 1);
      merge(branch, one, known);
      return branch;
    });
    for (const child of [...old.children]) if (!children.includes(child)) child.remove();
    children.forEach((child, index) => {
      if (old.children[index] !== child) old.insertBefore(child, old.children[index] ?? null);
    });
  }

  function show(page) {
    const main = document.querySelector("main");
    const fresh = document.importNode(page.querySelector("main"), true);
    const focused = document.activeElement;
    const holder = focused?.closest(PARTS);
    const position = holder ? all(FOCUSABLE, holder).indexOf(focused) : -1;
    rememberSources(fresh);
    texts = undefined;
    arrange(fresh);
    merge(main, fresh, new Map(leaves(main).map((leaf) => [key(leaf), leaf])));
    for (const one of all(".read[open]", main)) one.load().catch(() => {});
    showLastChange(page);
    filter();
    if (position >= 0 && document.activeElement !== focused) {
      const part = all(PARTS).find((one) => key(one) === key(holder));
      if (part) all(FOCUSABLE, part)[position]?.focus({ preventScroll: true });
    }
  }

  function showLastChange(page) {
    const now = page.getElementById("last-change");
    document.getElementById("last-change")?.remove();
    if (!now) return;
    document.querySelector("footer").prepend(document.importNode(now, true));
    showTimes(document.querySelector("footer"));
  }

  // Nobody must read that all is well when the server no longer says so.
  function showNoAnswer() {
    const health = document.getElementById("health");
    if (!health) return;
    sources.delete(health);
    health.innerHTML = "<h2 class=alarm>No answer</h2><p>The server does not respond: the facts below are out of date.</p>";
  }

  let busy = false;
  let again = false;
  async function refresh() {
    again = busy;
    if (busy) return;
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-cache", signal: AbortSignal.timeout?.(20000) });
      const page = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
      // What is being clicked must not vanish before the button is released; wait at most 10 s, because some browsers
      // never notice that a dragged link was released.
      for (let left = 200; left && document.querySelector("main :active"); left--) await new Promise((go) => setTimeout(go, 50));
      if (page) show(page);
      else showNoAnswer();
    } catch {
      // The next change, or the next connection, tries again.
      showNoAnswer();
    }
    busy = false;
    if (again) refresh();
  }

  // A browser opens six connections to a server, for all tabs together, so only a visible tab listens.
  let events;
  function listen() {
    events?.close();
    if (document.hidden) return;
    events = new EventSource(`${root}-/events`);
    events.addEventListener("open", () => {
      // Events are missed while nobody listens, also between the request for this page and now.
      refresh();
    });
    events.addEventListener("error", () => {
      // The browser reconnects by itself, unless a proxy answered with an error.
      if (events.readyState === EventSource.CLOSED) setTimeout(listen, 10000);
    });
    events.addEventListener("changed", (event) => {
      if (!feed || JSON.parse(event.data).includes(feed)) refresh();
    });
  }

  goToOlderPage();
  rememberSources(document.querySelector("main"));
  enhance(document);
  if (find) startSearch();
  page.start();
  // Trouble changes no feed, so it causes no event.
  if (document.getElementById("health")) setInterval(() => document.hidden || refresh(), 15000);
  // Only our own server sends events, and it says so.
  if (performance.getEntriesByType("navigation")[0]?.serverTiming?.some((one) => one.name === "live")) {
    listen();
    document.addEventListener("visibilitychange", listen);
  }
})();
