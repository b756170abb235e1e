"""Whole sessions as text: code, answers, and what is expected."""

from .file import Transcript, TranscriptError
from .format import Example
from .play import Outcome, Play, play, play_all

__all__ = ["Example", "Outcome", "Play", "Transcript", "TranscriptError", "play", "play_all"]
