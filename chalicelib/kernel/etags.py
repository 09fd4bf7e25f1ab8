"""Whether a caller has already what it asks for (RFC 9110, 8.8.3 and 13.1.2)."""


def is_known(etag: str, if_none_match: str) -> bool:
    """Whether an If-None-Match header, as it came, names this ETag; weak ones count, as they do for GET."""
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in known or "*" in known
