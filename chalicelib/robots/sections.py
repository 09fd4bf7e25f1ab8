"""Section codes: which of a carrier's 32 sections a box takes. Written in binary digits, the first section first."""

BITS = 32
LEGACY_BITS = 8
FULL = "1" * BITS


class BadSectionCode(ValueError):
    """Not a section code: other digits than 0 and 1, a length that is not accepted, or no section at all."""


def canonical(code: str | int) -> str:
    """The 32-digit form of a code of up to 8, exactly 16 or exactly 32 digits; each digit of the shorter forms stands for
    several sections. Raises BadSectionCode."""
    digits = str(code)
    if set(digits) - {"0", "1"} or "1" not in digits:
        raise BadSectionCode(f"{digits[:40]!r} is not a section code")
    if len(digits) <= LEGACY_BITS:
        digits = digits.zfill(LEGACY_BITS)
    if BITS % len(digits) or len(digits) not in (8, 16, 32):
        raise BadSectionCode("A section code has up to 8, exactly 16 or exactly 32 digits")
    return "".join(digit * (BITS // len(digits)) for digit in digits)


def legacy(code: str) -> str:
    """The 8-digit projection of a 32-digit code: a digit is set where any of its four sections is."""
    width = BITS // LEGACY_BITS
    return "".join("1" if "1" in code[i : i + width] else "0" for i in range(0, BITS, width))


def overlap(one: str, other: str) -> bool:
    """Whether two 32-digit codes share a section."""
    return int(one, 2) & int(other, 2) != 0


def without(free: str, taken: str) -> str:
    """The sections of `free` that are left when `taken` are used."""
    return format(int(free, 2) & ~int(taken, 2), f"0{BITS}b")
