"""ONNX Runtime on the CPU: the backend that runs on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnxruntime

from drsn.agent.backends.backend import Outputs, require_windows
from drsn.model.errors import BundleError, UnavailableError

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from drsn.model.contract import ModelContract

NEEDED = ("probabilities", "novelty")
OPTIONAL = "alpha"


class OnnxBackend:
    """Runs the network in one ONNX Runtime session.

    Args:
        model: the ONNX file's bytes.
        contract: the shapes and labels that the graph must have.
        max_batch: the largest batch that `infer` accepts.
        threads: threads of one call; 1 leaves the other cores free.
        file: name of the file in error messages.

    Raises:
        BundleError: the bytes are no ONNX, or their inputs and outputs are not the contract's.
    """

    name = "onnxruntime"

    def __init__(
        self, model: bytes, contract: ModelContract, max_batch: int, threads: int = 1, file: str = "model.onnx"
    ) -> None:
        self._file = file
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads must not use a core
        options.log_severity_level = 4  # failures are raised, and logged in one line by the agent
        try:
            self._session: onnxruntime.InferenceSession | None = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 (ONNX Runtime raises several unrelated types)
            raise BundleError(f"{file}: ONNX Runtime can't load it: {str(error)[:200]}") from None
        self._max_batch = max_batch
        self._shape = (contract.input_channels, contract.window)
        self._outputs = self._check(contract)

    def infer(self, x: NDArray[np.float32]) -> Outputs:
        """Diagnose float32[batch, channels, window].

        Raises:
            ValueError: x has another shape or dtype, or the backend is closed.
            UnavailableError: the runtime fails; the session may not be used again.
        """
        if self._session is None:
            raise ValueError("this backend is closed")
        require_windows(x, self._shape, self._max_batch)
        try:
            probabilities, novelty, *alpha = self._session.run(self._outputs, {"x": x})
        except Exception as error:  # noqa: BLE001 (as in loading)
            raise UnavailableError(f"ONNX Runtime failed: {str(error)[:200]}; the agent must restart") from None
        return Outputs(probabilities, novelty, alpha[0] if alpha else None)

    def close(self) -> None:
        """Free the session; a second call has no effect."""
        self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, contract: ModelContract) -> list[str]:
        session = self._session
        assert session is not None
        inputs = {node.name: node for node in session.get_inputs()}
        outputs = {node.name: node for node in session.get_outputs()}
        x = inputs.get("x")
        if len(inputs) != 1 or x is None or x.type != "tensor(float)" or tuple(x.shape[1:]) != self._shape:
            shape = f"float32[batch, {contract.input_channels}, {contract.window}]"
            raise BundleError(f"{self._file}: its input is not x: {shape}")
        if not isinstance(x.shape[0], str):
            raise BundleError(f"{self._file}: its batch size is fixed; export it with a dynamic batch size")
        missing = [name for name in NEEDED if name not in outputs]
        if missing or outputs["probabilities"].shape[-1:] != [len(contract.labels)]:
            raise BundleError(f"{self._file}: outputs {sorted(outputs)} lack {missing} or one probability per label")
        return [*NEEDED, *((OPTIONAL,) if OPTIONAL in outputs else ())]
