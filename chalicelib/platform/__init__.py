"""Whether the platform is up, and what its API looks like: health, the OpenAPI document, the pages of /docs."""
