"""Pictures of products: drawn anew from what callers send, kept in the object store, shown under addresses of ours."""

from chalicelib.catalogue.images.rules import DATA_URLS_MAX, FIELD_BYTES_MAX, ImageUrl
from chalicelib.catalogue.images.service import (
    Given,
    ImageGone,
    Stored,
    attach,
    drop_of_item,
    drop_unfinished,
    from_field,
    from_fields,
    shown_url,
)

__all__ = [
    "DATA_URLS_MAX",
    "FIELD_BYTES_MAX",
    "Given",
    "ImageGone",
    "ImageUrl",
    "Stored",
    "attach",
    "drop_of_item",
    "drop_unfinished",
    "from_field",
    "from_fields",
    "shown_url",
]
