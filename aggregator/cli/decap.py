"""A config of Decap CMS for the seeds of a site (decapcms.org/docs: configuration-options, widgets). Pure."""

from __future__ import annotations

from typing import Any

_MOMENT = {"widget": "datetime", "format": "YYYY-MM-DDTHH:mm:ss[Z]", "picker_utc": True}
_OPTIONAL = {"required": False}


def decap_config(title: str, folder: str, address: str) -> dict[str, Any]:
    """Return the config for an editor of seeds.

    Args:
        title: the site's title.
        folder: the path of the seeds folder from the root of the git repository.
        address: the site's public address.
    """
    return {
        "backend": {"name": "git-gateway", "branch": "main"},
        "local_backend": True,
        "site_url": address,
        "media_folder": f"{folder}/media",
        "public_folder": "media",
        "collections": [
            {
                "name": "seeds", "label": title, "label_singular": "item", "folder": folder, "create": True,
                "extension": "md", "format": "yaml-frontmatter", "slug": "{{year}}-{{month}}-{{day}}-{{slug}}",
                "summary": "{{publishedDateTime}} {{title}}", "sortable_fields": ["publishedDateTime", "title"],
                "fields": _fields(),
            },
        ],
    }  # fmt: skip


def _fields() -> list[dict[str, Any]]:
    picture = [
        {"name": "url", "label": "Address", "widget": "string", **_address()},
        {"name": "title", "label": "Title", "widget": "string", **_OPTIONAL},
    ]
    return [
        {"name": "title", "label": "Title", "widget": "string"},
        {"name": "webUrl", "label": "Link", "widget": "string", **_address()},
        {"name": "publishedDateTime", "label": "Published", **_MOMENT, "hint": "In the future: held back until then."},
        {"name": "excerpt", "label": "Summary", "widget": "text", **_OPTIONAL},
        {"name": "topics", "label": "Topics", "widget": "list", **_OPTIONAL},
        {"name": "tags", "label": "Tags", "widget": "list", **_OPTIONAL},
        {"name": "author", "label": "Author", "widget": "string", **_OPTIONAL},
        {"name": "images", "label": "Pictures", "widget": "list", **_OPTIONAL, "fields": picture},
        {"name": "quality", "label": "Quality", "widget": "number", "value_type": "int", **_OPTIONAL},
        {"name": "expires", "label": "Leaves the feeds", **_MOMENT, **_OPTIONAL, "default": ""},
        {"name": "published", "label": "Published", "widget": "boolean", "default": True, **_OPTIONAL},
        {"name": "body", "label": "Text", "widget": "markdown", **_OPTIONAL},
    ]  # fmt: skip


def _address() -> dict[str, Any]:
    return {"pattern": ["^https?://\\S+$", "Must be a full address, starting with https://"]}
