"""What a model keeps between steps: the tree's own pools, and the attention that reads them."""

import os
import types

import jax
import numpy as np

CACHE_SLOTS = 256
# Of layers of linear attention; the first is the tree's own, for rows that pad a batch.
_STATES = 8


class KeysAndValues:
    """Keys and values of each token, for attention in full."""

    def __init__(self, config, mesh):
        from sgl_jax.srt.layers.attention.native_backend import NativeAttention
        from sgl_jax.srt.mem_cache import memory_pool

        data = mesh.shape["data"]
        with jax.set_mesh(mesh):
            self.pool = memory_pool.MHATokenToKVPool(
                # With its one page more it divides by the devices of data.
                size=CACHE_SLOTS - (data > 1),
                page_size=1,
                dtype=config.dtype,
                head_num=config.num_key_value_heads,
                head_dim=-(-config.head_dim // 128) * 128,
                layer_num=config.num_hidden_layers,
                mesh=mesh,
            )
        self.attention = NativeAttention(
            config.num_attention_heads, config.num_key_value_heads, mesh
        )
        self.pools = self.pool
        # MemoryPools came with a version of its own.
        if hasattr(memory_pool, "MemoryPools"):
            self.pools = memory_pool.MemoryPools(token_to_kv_pool=self.pool)

    def describe(self, batch) -> None:
        """Nothing that attention does not take from the batch itself."""

    def keep(self, updates) -> None:
        """Takes what a step wrote."""
        if isinstance(updates, dict):
            updates = updates["token_to_kv_pool"]
        replace = getattr(self.pool, "replace_buffer", None) or self.pool.replace_kv_buffer
        replace(updates)


class Recurrent:
    """The same for the layers of attention in full, and a state for each layer of linear attention."""

    def __init__(self, config, mesh):
        from sgl_jax.srt.layers.attention.hybrid_linear_attn_backend import (
            attn_backend_wrapper,
        )
        from sgl_jax.srt.layers.attention.native_backend import NativeAttention
        from sgl_jax.srt.mem_cache import memory_pool

        # By this the kernels of linear attention know that they are interpreted.
        os.environ["PALLAS_INTERPRET"] = "1"
        # Native attention calls it off a TPU; the pool of these models hands all but this on.
        memory_pool.HybridLinearKVPool.set_kv_buffer_legacy = lambda pool, layer, *written: (
            pool.full_kv_pool.set_kv_buffer_legacy(pool._to_physical(layer), *written)
        )
        server = _server(config, mesh)
        with jax.set_mesh(mesh):
            server._init_pools(max_num_reqs=_STATES - 1, dp_size=1)
            self.attention = attn_backend_wrapper(
                server,
                NativeAttention(config.num_attention_heads, config.num_key_value_heads, mesh),
            )
        self.pools = server.memory_pools

    def describe(self, batch) -> None:
        """Which state is whose, and which are not begun yet."""
        requests = len(batch.seq_lens)
        batch.recurrent_indices = np.arange(1, requests + 1, dtype=np.int32)
        batch.has_initial_state = np.full(requests, batch.extend_seq_lens is None)
        batch.recurrent_track_indices = batch.recurrent_track_mask = None
        self.attention.forward_metadata = self.attention.get_forward_metadata(batch)

    def keep(self, updates) -> None:
        """Takes what a step wrote."""
        self.pools.replace_all(updates)


def _server(config, mesh):
    """As much of the tree's ModelRunner as makes its pools."""
    from sgl_jax.srt.model_executor.model_runner_kv_cache_mixin import (
        ModelRunnerKVCacheMixin,
    )

    server = ModelRunnerKVCacheMixin()
    vars(server).update(
        model_config=config,
        mesh=mesh,
        server_args=types.SimpleNamespace(
            attention_backend="native",
            max_recurrent_state_size=_STATES - 1,
            enable_recurrent_extra_buffer=False,
            disable_overlap_schedule=True,
            # The other is for a TPU alone.
            gdn_prefill_impl="chunked_jax",
        ),
        attention_tp_size=mesh.shape["tensor"],
        is_hybrid=False,
        use_mla_backend=False,
        kv_cache_dtype=config.dtype,
        page_size=1,
        max_total_num_tokens=CACHE_SLOTS,
        req_to_token_pool=None,
        token_to_kv_pool_allocator=None,
    )
    return server


def of(config, mesh) -> KeysAndValues | Recurrent:
    """What the tree's server would make for the model."""
    kinds = getattr(config.hf_config, "linear_layer_ids", None) or getattr(
        config.hf_text_config, "linear_layer_ids", None
    )
    return (Recurrent if kinds else KeysAndValues)(config, mesh)
