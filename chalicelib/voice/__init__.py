"""Voice: what telephone agents may ask, and the log of their calls. The front door for other contexts."""

from chalicelib.voice.service import find_call, transcript_url
from chalicelib.voice.store import VoiceCall

__all__ = ["VoiceCall", "find_call", "transcript_url"]
