// Prints, as JSON, what feedsmith makes of a feed at an address, or of an OPML file.
// Arguments: the folder node_modules, `feed`, `item` (the first, with all that it holds) or `opml`, the address or the path.
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");

const [folder, kind, address] = process.argv.slice(2);
const { parseFeed, parseOpml } = createRequire(path.join(path.resolve(folder), "x.js"))("feedsmith");

const seconds = (date) => Date.parse(date) / 1000;

const items = {
  rss: (feed) =>
    feed.items.map((one) => ({ id: one.guid.value, title: one.title, link: one.link, date: seconds(one.pubDate) })),
  atom: (feed) =>
    feed.entries.map((one) => ({
      id: one.id,
      title: typeof one.title === "string" ? one.title : one.title.value,
      link: one.links.find((link) => (link.rel ?? "alternate") === "alternate").href,
      date: seconds(one.published),
    })),
  json: (feed) =>
    feed.items.map((one) => ({ id: one.id, title: one.title, link: one.url, date: seconds(one.date_published) })),
};

const leaves = (outlines) => outlines.flatMap((one) => [one, ...leaves(one.outlines ?? [])]);

(async () => {
  if (kind === "opml") {
    const found = leaves(parseOpml(fs.readFileSync(address, "utf8")).body.outlines).filter((one) => one.xmlUrl);
    console.log(JSON.stringify(found.map((one) => one.xmlUrl)));
  } else {
    const { format, feed } = parseFeed(await (await fetch(address)).text());
    console.log(JSON.stringify(kind === "item" ? (feed.items ?? feed.entries)[0] : items[format](feed)));
  }
})();
