"""The runner for `sglang-jax` 0.0.2 of PyPI, whose epmoe and attention need help on CPU devices.

What stands in: XLA's CPU backend has no ragged all-to-all, so epmoe's is made of an all-gather; the
grouped matrix product runs in Pallas' interpreter; and a class of the tree is registered twice as a
pytree, which newer versions of flax refuse. Nothing of the fused path is touched.
"""

import functools
import importlib

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

import trees


def _register_pytrees_once() -> None:
    register = jax.tree_util.register_pytree_node_class
    if getattr(register, "tolerant", False):
        return

    @functools.wraps(register)
    def tolerant(cls):
        try:
            return register(cls)
        except ValueError as error:
            if "Duplicate" not in str(error):
                raise
            return cls

    tolerant.tolerant = True
    jax.tree_util.register_pytree_node_class = tolerant


def _ragged_all_to_all(
    operand, output, input_offsets, send_sizes, output_offsets, recv_sizes, *, axis_name
):
    """What EPMoE asks of `jax.lax.ragged_all_to_all`: each device sends its first rows to all."""
    del input_offsets, send_sizes, output_offsets
    gathered = jax.lax.all_gather(operand, axis_name)
    ends = jnp.cumsum(recv_sizes)
    rows = jnp.arange(output.shape[0])
    owner = jnp.clip(jnp.searchsorted(ends, rows, side="right"), 0, ends.shape[0] - 1)
    row = jnp.clip(rows - (ends - recv_sizes)[owner], 0, operand.shape[0] - 1)
    return jnp.where((rows < ends[-1])[:, None], gathered[owner, row], output)


def _run_epmoe_on_cpu() -> None:
    from sgl_jax.srt.layers import moe

    if getattr(moe.gmm, "func", None) is None:
        kernel = importlib.import_module("sgl_jax.srt.layers.gmm.megablox_gmm_kernel.gmm").gmm
        moe.gmm = functools.partial(kernel, interpret=True)
    jax.lax.ragged_all_to_all = _ragged_all_to_all


class PypiRunner(trees.Runner):
    """A loaded model with its key and value cache."""

    head = False

    def __init__(self, job: dict):
        _register_pytrees_once()
        from sgl_jax.srt.configs.load_config import LoadConfig, LoadFormat
        from sgl_jax.srt.configs.model_config import ModelConfig
        from sgl_jax.srt.layers.attention.native_backend import NativeAttention
        from sgl_jax.srt.mem_cache.memory_pool import MHATokenToKVPool
        from sgl_jax.srt.model_loader.loader import get_model_loader
        from sgl_jax.srt.utils.mesh_utils import create_device_mesh

        _run_epmoe_on_cpu()
        data, tensor = job["mesh"]
        devices = jax.devices()[: data * tensor]
        self.mesh = create_device_mesh([data, tensor, 1], [1, 1, 1], devices=devices)
        backend = {} if job["backend"] is None else {"moe_backend": job["backend"]}
        self.config = ModelConfig(job["model"], dtype=job["dtype"], **backend)
        self.config.configure_for_tensor_parallel(tensor)
        hf_config = self.config.hf_config
        if job["backend"] is not None:
            from sgl_jax.srt.layers.moe_backend import resolve_moe_backend

            # As ModelRunner.load_model does.
            hf_config.moe_backend = resolve_moe_backend(
                self.config.moe_backend, hf_config, self.mesh, self.config.dtype
            ).value
        # The registry of models swallows the import error of one.
        importlib.import_module("sgl_jax.srt.models.qwen3_moe")
        load_format = LoadFormat.DUMMY if job.get("dummy") else LoadFormat.AUTO
        loader = get_model_loader(LoadConfig(load_format=load_format), nnx.Rngs(0), self.mesh)
        with self.mesh:
            self.model = loader.load_model(model_config=self.config)
            self.pool = MHATokenToKVPool(
                size=trees.CACHE_SLOTS,
                page_size=1,
                dtype=self.config.dtype,
                head_num=self.config.num_key_value_heads,
                head_dim=128,
                layer_num=hf_config.num_hidden_layers,
                mesh=self.mesh,
            )
        self.attention = NativeAttention(
            hf_config.num_attention_heads, self.config.num_key_value_heads
        )
        definition, self.state = nnx.split(self.model)

        @jax.jit
        def forward(state, batch, pool, metadata):
            output, cache, _ = nnx.merge(definition, state)(batch, pool, metadata)
            return output.next_token_logits, cache

        self.forward = forward
        self.slots: list[list[int]] = []
        self.free = 1

    def _place(self, values, dtype=jnp.int32):
        return jax.device_put(jnp.asarray(values, dtype), NamedSharding(self.mesh, P()))

    def _run(self, mode, ids, positions, new_slots, extend_lens=None):
        from sgl_jax.srt.layers.logits_processor import LogitsMetadata
        from sgl_jax.srt.model_executor.forward_batch_info import (
            CaptureHiddenMode,
            ForwardBatch,
        )

        used = [slot for slots in self.slots for slot in slots]
        lens = [len(slots) for slots in self.slots]
        extend, metadata = {}, {}
        if extend_lens is not None:
            extend = {
                "extend_prefix_lens": self._place([0] * len(lens)),
                "extend_seq_lens": self._place(extend_lens),
                "extend_start_loc": self._place(np.cumsum(extend_lens) - extend_lens),
            }
            metadata["extend_seq_lens"] = self._place(extend_lens)
        batch = ForwardBatch(
            bid=0,
            forward_mode=mode,
            batch_size=len(lens),
            input_ids=self._place(ids),
            req_pool_indices=self._place(range(len(lens))),
            seq_lens=self._place(lens),
            out_cache_loc=self._place(new_slots),
            positions=self._place(positions),
            attn_backend=self.attention,
            cache_loc=self._place(used + [0] * (trees.CACHE_SLOTS - len(used))),
            **extend,
        )
        info = LogitsMetadata(
            forward_mode=mode, capture_hidden_mode=CaptureHiddenMode.NULL, **metadata
        )
        with self.mesh:
            logits, cache = self.forward(self.state, batch, self.pool, info)
        self.pool.kv_buffer[:] = cache
        return np.asarray(logits, np.float32)[: len(lens)]
