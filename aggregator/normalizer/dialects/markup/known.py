"""Shortcodes, tags and components that stand for a link, a picture, code or a quote, by their names. Pure.

The same few are known to all programs, under the same names; what differs is how they are written: see `tags` and
`components`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from aggregator.normalizer.dialects.markup.draft import Draft

QUOTES = frozenset([
    "admonition", "alert", "aside", "attention", "blockquote", "callout", "caution", "danger", "error", "hint",
    "important", "info", "message", "note", "notice", "quote", "success", "tip", "warning",
])  # fmt: skip
"""What holds a remark: it becomes a quote with its title."""

SILENT = frozenset([
    "analytics", "clear", "clearfix", "comments", "disqus", "more", "page-break", "setup", "table-of-contents",
    "tableofcontents", "toc", "tocinline",
])  # fmt: skip
"""What goes without a note: nobody misses it."""

HOLDERS = frozenset([
    "box", "center", "column", "columns", "katex", "latex", "left", "markdown", "math", "mermaid", "p", "raw",
    "rawhtml", "right", "section", "steps", "tabs", "tabpane", "tab", "tabitem", "fragment", "unsafe", "html",
])  # fmt: skip
"""What only lays out what it holds, which stays, without a note."""

CODE = frozenset(["highlight", "code", "codeblock", "prettyprint"])
"""What holds code."""

_ADDRESSES = {
    "asciinema": "https://asciinema.org/a/{}", "bilibili": "https://www.bilibili.com/video/{}",
    "codepen": "https://codepen.io/{user}/pen/{}", "codesandbox": "https://codesandbox.io/s/{}",
    "dailymotion": "https://www.dailymotion.com/video/{}", "gist": "https://gist.github.com/{user}/{}",
    "instagram": "https://www.instagram.com/p/{}/", "jsfiddle": "https://jsfiddle.net/{}/",
    "speakerdeck": "https://speakerdeck.com/player/{}", "spotify": "https://open.spotify.com/{}",
    "stackblitz": "https://stackblitz.com/edit/{}", "vimeo": "https://vimeo.com/{}",
    "x": "https://x.com/{user}/status/{}",
}  # fmt: skip
_OTHER_NAMES = {
    "image": "figure", "img": "figure", "picture": "figure", "tweet": "x", "twitter": "x", "twitter_simple": "x",
    "x_simple": "x", "vimeo_simple": "vimeo", "instagram_simple": "instagram", "youtube-lite": "youtube",
    "lite-youtube": "youtube", "youtubelite": "youtube", "youtubeembed": "youtube", "liteyoutubeembed": "youtube",
    "yt": "youtube", "youtubeid": "youtube", "youtube_video": "youtube", "githubgist": "gist", "iframe": "embed",
    "a": "link", "button": "link", "linkbutton": "link", "themedimage": "figure", "astro-image": "figure",
    "imgproc": "figure", "resize_image": "figure", "video_player": "video", "xpost": "x",
}  # fmt: skip
_PLACES_OF_CODE = frozenset(["asciinema", "codepen", "codesandbox", "gist", "jsfiddle", "stackblitz"])
_ID = re.compile(r"[\w./@-]{1,200}", re.ASCII)
_YOUTUBE = re.compile(r"[A-Za-z0-9_-]{6,20}")
_SIGNS = re.compile(r"[\[*_`<]")


class Arguments(NamedTuple):
    """What was written with a name: words in their order, and words by name."""

    words: Sequence[str] = ()
    named: Mapping[str, str] = {}

    def first(self, *names: str) -> str:
        """Return the first that is named so, else the first word, or ""."""
        return self.get(*names) or (self.words[0] if self.words else "")

    def get(self, *names: str) -> str:
        """Return the first that is named so, or ""."""
        return next((self.named[name] for name in names if self.named.get(name)), "")


def name_of(written: str) -> str:
    """Return the name under which a shortcode or component is known here."""
    name = written.rpartition("/")[2].lower().removesuffix(".html").removesuffix(".md").replace("figure-", "figure")
    return _OTHER_NAMES.get(name, name)


def link_of(name: str, arguments: Arguments, draft: Draft, *, is_alone: bool) -> str | None:
    """Return the HTML of what stands for a link or a picture.

    It is None if nothing of that name does, or if the arguments say too little.
    """
    if name == "youtube":
        return _youtube(arguments)
    if name in _ADDRESSES:
        return _embedded(name, arguments)
    if name == "figure":
        return _figure(arguments, draft, is_alone=is_alone)
    if name in {"video", "audio", "embed"}:
        return _player(name, arguments, draft)
    return None


def title_of(name: str, arguments: Arguments) -> str:
    """Return the title of a remark: the one written, else its kind."""
    if name in {"quote", "blockquote"}:
        return arguments.get("title")
    kind = arguments.get("type", "kind", "level", "variant") or (arguments.words[0] if arguments.words else "")
    title = arguments.get("title", "heading", "label") or (arguments.words[1] if len(arguments.words) > 1 else "")
    is_kind = kind.lower() in QUOTES
    return (
        title
        or (kind.capitalize() if is_kind else kind)
        or (name.capitalize() if name not in {"callout", "notice"} else "Note")
    )


def anchor(address: str, words: str) -> str:
    """Return a link in HTML; the words are escaped here, the address is not."""
    return f'<a href="{html.escape(address)}">{html.escape(words)}</a>'


def _youtube(arguments: Arguments) -> str | None:
    written = arguments.first("id", "videoid", "video", "url", "src", "v")
    found = _YOUTUBE.search(written.rpartition("v=")[2] if "v=" in written else written.rstrip("/").rpartition("/")[2])
    # `content` makes a linked thumbnail of a frame; this is the same, within a paragraph.
    words = "Watch on www.youtube.com"
    return None if found is None else (
        f'<a href="https://www.youtube.com/watch?v={found[0]}"><img src="https://i.ytimg.com/vi/{found[0]}/hqdefault.jpg"'
        f' alt="{words}"></a>'
    )  # fmt: skip


def _embedded(name: str, arguments: Arguments) -> str | None:
    written = arguments.get("url", "src", "href", "id", "slug", "tweetid", "hash") or _word(arguments, name)
    if written.startswith(("https://", "http://")):
        address = written
    elif not _ID.fullmatch(written):
        return None
    elif name == "gist" and "/" in written:
        address = f"https://gist.github.com/{written}"
    else:
        user = arguments.get("user", "username", "owner") or _user(arguments, name)
        address = _ADDRESSES[name].format(quote(written, safe="/"), user=quote(user.removeprefix("@")))
    verb = "See it" if name in _PLACES_OF_CODE or name in {"x", "instagram", "speakerdeck"} else "Watch"
    verb = "Listen" if name == "spotify" else verb
    return anchor(address, f"{verb} on {urlsplit(address).hostname}")


def _word(arguments: Arguments, name: str) -> str:
    """Return the word that is the id: a gist's, and an old tweet's with its user, is the second."""
    words = arguments.words
    return (
        words[1] if len(words) > 1 and name in {"gist", "x"} and not words[0].isdigit() else words[0] if words else ""
    )


def _user(arguments: Arguments, name: str) -> str:
    words = arguments.words
    if name == "gist" and len(words) > 1:
        return words[0]
    return {"x": "i", "codepen": words[1] if len(words) > 1 else "anon"}.get(name, "anonymous")


def _figure(arguments: Arguments, draft: Draft, *, is_alone: bool) -> str | None:
    source = arguments.first("src", "source", "path", "url", "image", "link", "file")
    if not source:
        return None
    caption = arguments.get("caption")
    alt = (
        arguments.get("alt")
        or (arguments.words[1] if len(arguments.words) > 1 else "")
        or caption
        or arguments.get("title")
    )
    image = f'<img src="{draft.file(source)}" alt="{html.escape(alt)}">'
    target = arguments.get("link", "href") if arguments.get("src", "source", "path", "url", "image", "file") else ""
    image = f'<a href="{html.escape(target)}">{image}</a>' if target else image
    words = " ".join(
        f"{part}" for part in (arguments.get("title") if caption != arguments.get("title") else "", caption) if part
    )
    if not words or not is_alone:
        return image
    if _SIGNS.search(words) and not draft.is_html:
        # Between blank lines it is Markdown (CommonMark §4.6).
        return f"<figure>{image}\n<figcaption>\n\n{words.replace(chr(10), ' ')}\n\n</figcaption></figure>\n"
    return f"<figure>{image}<figcaption>{html.escape(words, quote=False)}</figcaption></figure>\n"


def _player(name: str, arguments: Arguments, draft: Draft) -> str | None:
    source = arguments.first("src", "url", "mp4", "webm", "ogg", "mp3", "file")
    if not source:
        return None
    if name == "embed":
        return f'<iframe src="{html.escape(source)}"></iframe>'
    poster = arguments.get("poster")
    more = f' poster="{draft.file(poster)}"' if poster and name == "video" else ""
    return f'<{name} src="{draft.file(source)}"{more}></{name}>'
