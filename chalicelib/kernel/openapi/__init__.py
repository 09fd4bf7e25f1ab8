"""The OpenAPI 3.1 document, made from the declarations: `document(endpoints)`.

Only the build needs it (``python -m infra.tools openapi``); a running function serves the file that came out.
"""

from chalicelib.kernel.openapi.document import document

__all__ = ["document"]
