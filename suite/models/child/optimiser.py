"""The process that optimises a model before it is measured, and writes down what was chosen."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import torch

from suite.errors import UsageError
from suite.messages.models import OptimiseModel, Settled
from suite.models import chosen
from suite.models.calling import Arguments
from suite.models.loading import fresh_model
from suite.network.asking import checked_wish
from suite.network.optimising import found
from suite.operands.tensors import DTYPES
from suite.processes.channel import handlers, serve


def main(connection: Connection, threads: int) -> None:
    """Serve one request; runs in its own process."""
    torch.set_num_threads(threads)
    serve(connection, handlers(OptimiseModel.handled_by(answer)))


def answer(asked: OptimiseModel) -> Settled:
    """Choose by measuring, as `convgauge.optimize` does; the model is not needed any more then."""
    network, dtype = asked.network, DTYPES[asked.dtype]
    try:
        model = fresh_model(network)
        row = torch.randn(network.input_elements, generator=torch.Generator().manual_seed(1)).to(
            dtype
        )
        words, keywords = Arguments(network, dtype).of(row)
        if keywords:
            return Settled(failure="takes examples by position, and this model has keywords")
        wish = checked_wish(model, asked.budget_s, None, None, asked.fold)
        configuration, outcome = found(model, tuple(words), wish)
    except UsageError as error:
        return Settled(failure=str(error))
    except Exception as error:
        return Settled(failure=f"{type(error).__name__}: {error}")
    chosen.write(Path(asked.path), configuration, outcome)
    return Settled(failure=None, layers=len(configuration), remarks=outcome.remarks)
