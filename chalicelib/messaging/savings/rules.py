"""What may come with the form, and how large. No I/O."""

FILE_BYTES_MAX = 4_000_000
"""A binary body of Lambda's has 4.5 MB at most (6 MB as base64; FACTS: Multipart and bodies)."""
BODY_BYTES_MAX = FILE_BYTES_MAX + 400_000
SIDE_MAX = 3000
"""Pixels: small print of an invoice can still be read."""
PDF = "application/pdf"
JPEG = "image/jpeg"
_PDF_WITHIN = 1024
"""Readers look for the mark in the first bytes (PDF 1.7, annex H, note 13); what begins as something else is none to us."""


def is_pdf(content: bytes) -> bool:
    """Whether a file says at its beginning that it is a PDF."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:5] == b"%PDF-" and content.find(b"%PDF-") < _PDF_WITHIN


def ending(media_type: str) -> str:
    """How a key in the object store ends."""
    return "pdf" if media_type == PDF else "jpg"
