"""What can go wrong between a client and a gaze env server."""


class GazeError(RuntimeError):
    """Base of all errors of this package."""


class GazeConnectionError(GazeError):
    """Nobody answers at the address, the connection was lost, or the server process ended."""


class GazeTimeout(GazeConnectionError):
    """The server did not answer in time."""


class GazeServerError(GazeError):
    """The server refused a request; the text is the server's own sentence."""


class GazeWireError(GazeError):
    """A reply is not what the protocol says; the text names the field."""
