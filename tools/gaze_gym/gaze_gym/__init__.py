"""Gymnasium environments served by gaze.

>>> import gaze_gym, gymnasium
>>> env = gymnasium.make("gaze/AVR-v0")
>>> obs, info = env.reset(seed=0)
"""

from gymnasium.envs.registration import register

from gaze_gym.env import AvrEnv, GazeEnv, ReachEnv
from gaze_gym.errors import (
    GazeConnectionError,
    GazeError,
    GazeServerError,
    GazeTimeout,
    GazeWireError,
)
from gaze_gym.server import Server
from gaze_gym.text import answer, options
from gaze_gym.vector import AvrVectorEnv, GazeVectorEnv, ReachVectorEnv

__all__ = [
    "AvrEnv",
    "AvrVectorEnv",
    "GazeConnectionError",
    "GazeEnv",
    "GazeError",
    "GazeServerError",
    "GazeTimeout",
    "GazeVectorEnv",
    "GazeWireError",
    "ReachEnv",
    "ReachVectorEnv",
    "Server",
    "answer",
    "options",
]

register(
    id="gaze/AVR-v0",
    entry_point="gaze_gym.env:AvrEnv",
    vector_entry_point="gaze_gym.vector:AvrVectorEnv",
)
register(
    id="gaze/Reach-v0",
    entry_point="gaze_gym.env:ReachEnv",
    vector_entry_point="gaze_gym.vector:ReachVectorEnv",
)
