"""Ends training where a checkpoint can be taken when the process is told to end, as by Slurm or by Ctrl-C."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from pytorch_lightning import Callback, Trainer

from descent.errors import Terminated

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopOnSignal(Callback):
    """Ends training after the chunk of steps in which the process receives a signal to end; a second one acts at once.

    It is the first of the callbacks, so that the others see `trainer.should_stop`, and a context around training.

    Attributes:
        received: the number of the signal, if there was one.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python lets no other set handlers
            handlers = {number: signal.getsignal(number) for number in SIGNALS}
            self._handlers = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore_handlers()
        if self.received not in (None, signal.SIGINT):
            raise Terminated(self.received) from error
        if kind is SystemExit or self.received is not None:  # SystemExit is what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from error

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Receive the signals from now on, in place of Lightning, which would end training before a checkpoint."""
        for number in self._handlers:
            signal.signal(number, self._receive)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Have this chunk be the last if there was a signal."""
        if self.received is not None:
            trainer.should_stop = True
