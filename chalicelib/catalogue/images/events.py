"""What happens to images afterwards."""

from chalicelib.kernel.outbox import Event


class ImageRemoved(Event, topic="catalogue.remove_image"):
    """Nobody shows this image any more: what lies under its name goes, or only what was uploaded, once it was looked at."""

    image: str
    is_upload_only: bool = False
