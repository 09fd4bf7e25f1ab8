"""What may be shown of a user name, and which telephone numbers belong together. Pure."""


def masked(username: str) -> str:
    """Enough to remember a user name by, too little to learn it: ``ada`` is ``a***``, ``ada@example.com`` ``a***@e***.com``."""
    name, at, domain = username.partition("@")
    if not at:
        return f"{name[0]}***{name[-1]}" if len(name) > 3 else f"{name[0]}***"
    host, _, ending = domain.rpartition(".")
    return f"{masked(name)}@{host[:1]}***.{ending}"


def neighbourhood(phone: str) -> str:
    """The numbers that share all but the last four digits: an exchange in America, a block of a carrier elsewhere."""
    return phone[:-4]
