"""One model of an sgl-jax tree, loaded and run a step at a time without a server.

The two surfaces differ in what a model takes and returns; `load` picks by what the tree contains.
"""

import base64
import importlib
import importlib.util
import inspect
import json
import sys
import tempfile
import types

import jax
import jax.numpy as jnp
import memory
import numpy as np
from flax import nnx
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
from memory import CACHE_SLOTS

_MODULES = {
    "Qwen3MoeForCausalLM": "models.qwen3_moe",
    "Qwen2MoeForCausalLM": "models.qwen2_moe",
    "Grok1ForCausalLM": "models.grok",
    "BailingMoeV2ForCausalLM": "models.bailing_moe",
    "BailingMoeV2_5ForCausalLM": "models.bailing_moe_linear",
    "MiniMaxM2ForCausalLM": "models.minimax_m2",
    "Glm4MoeForCausalLM": "models.glm4_moe",
    "MiMoV2FlashForCausalLM": "models.mimo_v2_flash",
    "DeepseekV3ForCausalLM": "models.deepseek_v3",
    "KimiK25ForConditionalGeneration": "models.kimi_k25_vl_generation",
    "KimiLinearForCausalLM": "models.kimi_linear",
    "Qwen3_5MoeForConditionalGeneration": "models.qwen3_5",
    "GlmMoeDsaForCausalLM": "models.glm5_moe",
    "Gemma4ForConditionalGeneration": "models.gemma4",
    "Qwen3OmniMoeForConditionalGeneration": ("multimodal.models.qwen3_omni_moe.qwen3_omni_thinker"),
}

# The stage of a model in several that has the experts.
_STAGES = {
    "Qwen3OmniMoeForConditionalGeneration": "Qwen3OmniMoeThinkerTextForConditionalGeneration",
}

# Whose layer is the tree's own fused one, if not a generated one.
_FUSED_ALONE = ("Qwen3_5MoeForConditionalGeneration",)


def _interpret_grouped_matmul() -> None:
    """Runs epmoe's Pallas grouped matmul in the interpreter where the tree has no switch for it."""
    from sgl_jax.srt.layers import moe

    gmm = moe.gmm
    switch = inspect.signature(gmm).parameters.get("interpret")
    # None lets the tree itself look at its devices.
    if switch is not None and switch.default is False:
        moe.gmm = lambda **arguments: gmm(**{"interpret": True, **arguments})


def _refer_fused() -> None:
    """The tree's own fused kernel, which no interpreter takes, as the tree's own reference of it."""
    from sgl_jax.srt.kernels.fused_moe.v1.kernel import ref_moe
    from sgl_jax.srt.layers import fused_moe

    def refer(tokens, w1, w2, w3, topk_weights, topk_ids, top_k, act_fn, **_):
        whole = (jax.sharding.reshard(one, P()) for one in (tokens, w1, w2, w3))
        weights, ids = (jax.sharding.reshard(one, P()) for one in (topk_weights, topk_ids))
        # It chooses experts itself: by the weights of those that were chosen, a token's others are 0.
        one_hot = jax.nn.one_hot(ids, w1.shape[0], dtype=weights.dtype)
        gating = jnp.einsum("tk,tke->te", weights, one_hot)
        return ref_moe(*whole, gating, top_k, act_fn=act_fn)

    fused_moe.fused_ep_moe = refer


def _ask_for_no_tpu(hf_config) -> None:
    """GLM-5 as it is where DeepSeek's config would say so, and as it is with quantized weights."""
    if hf_config.architectures[0] != "GlmMoeDsaForCausalLM":
        return
    from sgl_jax.srt.models import glm5_moe

    # Its kernel for latent attention is for a TPU alone.
    attention = glm5_moe.Glm5Attention
    glm5_moe.Glm5Attention = lambda **given: attention(**{**given, "use_absorbed": False})
    # Its kernel for dense layers names an argument of shard_map that JAX has no more.
    hf_config._sgl_use_fused_mlp = False


def _configure(job: dict):
    """The tree's ModelConfig and mesh, with the backend decided as the server decides it."""
    from sgl_jax.srt.configs.model_config import ModelConfig
    from sgl_jax.srt.utils.mesh_utils import create_device_mesh

    data, tensor = job["mesh"]
    mesh = create_device_mesh([data, tensor], [1, 1], devices=jax.devices()[: data * tensor])
    arguments = {}
    if "moe_backend" in inspect.signature(ModelConfig.__init__).parameters:
        arguments["moe_backend"] = job["backend"]
    if job.get("quantization") is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as file:
            # JSON is YAML.
            json.dump({"quantization": job["quantization"]}, file)
        arguments["quantization_config_path"] = file.name
    config = ModelConfig(job["model"], dtype=job["dtype"], **arguments)
    config.hf_config.ep_size = job["ep"]
    config.hf_config.ep_num_redundant_experts = job.get("redundant", 0)
    # As for --attention-backend native.
    for each in (config.hf_config, config.hf_text_config):
        each.use_absorbed_mla = False
    config.configure_for_tensor_parallel(tensor)
    try:
        backend = importlib.import_module("sgl_jax.srt.layers.moe_backend")
    except ModuleNotFoundError:
        config.hf_config.moe_backend = job["backend"]
    else:
        config.hf_config.moe_backend = backend.resolve_moe_backend(config, job["ep"], mesh).value
    return config, mesh


def _place_experts(job: dict, config, mesh) -> None:
    """Physical experts as --init-expert-location says: the last first, then `redundant` copies."""
    from sgl_jax.srt.eplb import expert_location

    redundant = job.get("redundant", 0)
    expert_location.set_global_expert_location_metadata(None)
    if redundant == 0:
        return
    experts = list(range(config.hf_config.num_experts))[::-1]
    placed = [experts + experts[:redundant]] * config.hf_config.num_hidden_layers
    arguments = types.SimpleNamespace(
        ep_size=job["ep"],
        ep_num_redundant_experts=redundant,
        ep_dispatch_algorithm="static",
        init_expert_location=json.dumps({"physical_to_logical_map": placed}),
    )
    expert_location.init_expert_location_metadata(arguments, config)
    # The tree leaves the map on one device, which JAX 0.8.1 does not take beside a mesh.
    placed = jax.device_put(
        expert_location.get_global_expert_location_metadata(), NamedSharding(mesh, P())
    )
    expert_location.set_global_expert_location_metadata(placed)
    # Nor its gather by ids that are laid over the mesh: it must be told how the result lies.
    expert_location._topk_ids_logical_to_physical_static = lambda ids, info, layer_id: (
        info.logical_to_rank_dispatch_physical_map[layer_id]
        .at[ids]
        .get(out_sharding=jax.typeof(ids).sharding)
    )


def _quantize(config, model) -> None:
    """Quantizes the experts that were loaded in full precision, as ModelRunner.load_model does."""
    quantization = getattr(config, "quantization_config", None)
    if quantization is None or quantization.is_static_checkpoint:
        return
    utilities = importlib.import_module("sgl_jax.srt.utils.quantization.quantization_utils")
    utilities.apply_moe_quantization(config, model)
    try:
        generated = importlib.import_module("sgl_jax.srt.layers.fused_moe_generated")
    except ModuleNotFoundError:
        return
    generated.check_generated_experts(model)


class Runner:
    """A loaded model with what it keeps between steps."""

    def __init__(self, job: dict):
        from sgl_jax.srt.configs.load_config import LoadConfig, LoadFormat
        from sgl_jax.srt.model_loader.loader import get_model_loader

        self.config, self.mesh = _configure(job)
        hf_config = self.config.hf_config
        if "redundant" in job:
            with jax.set_mesh(self.mesh):
                _place_experts(job, self.config, self.mesh)
        architecture = hf_config.architectures[0]
        # The registry swallows import errors of a model's module; here they are seen.
        module = importlib.import_module(f"sgl_jax.srt.{_MODULES[architecture]}")
        self.redundant = job.get("redundant", 0) > 0
        self._find_forms()
        _interpret_grouped_matmul()
        _ask_for_no_tpu(hf_config)
        if architecture in _FUSED_ALONE and job["backend"] == "fused":
            _refer_fused()
        load = {"load_format": LoadFormat.DUMMY if job.get("dummy") else LoadFormat.AUTO}
        if architecture in _STAGES:
            load["model_class"] = getattr(module, _STAGES[architecture])
        loader = get_model_loader(LoadConfig(**load), self.mesh)
        self.model = loader.load_model(model_config=self.config)
        _quantize(self.config, self.model)
        self.memory = memory.of(self.config, self.mesh)
        self.capturer = self._capture(job) if job.get("capture") else None
        definition, state = nnx.split(self.model)
        self.state = state

        @jax.jit
        def forward(state, batch, pools, metadata):
            model = nnx.merge(definition, state)
            output, cache, *rest = model(batch, pools, metadata)
            # The experts that each layer's tokens chose come last.
            return output.next_token_logits, cache, rest[-1] if rest else None

        self.forward = forward
        self.slots: list[list[int]] = []
        self.free = 1

    def _find_forms(self) -> None:
        """Each that came with a version of its own is told by itself."""
        from sgl_jax.srt.layers.logits_processor import LogitsMetadata
        from sgl_jax.srt.model_executor.forward_batch_info import ForwardBatch

        def has(kind, field):
            return field in (
                *getattr(kind, "__dataclass_fields__", {}),
                *inspect.signature(kind.__init__).parameters,
            )

        self.starts = has(ForwardBatch, "extend_start_loc")
        self.indices = has(LogitsMetadata, "logits_indices")

    def _capture(self, job: dict):
        """The server's own capturer of chosen experts, as --enable-return-routed-experts makes it."""
        # The same for what is not used here, and in no lock.
        sys.modules.setdefault("pybase64", base64)
        from sgl_jax.srt.layers import routed_experts_capturer

        return routed_experts_capturer.RoutedExpertsCapturer.create(
            mesh=self.mesh,
            enable=True,
            model_config=self.config,
            num_tokens=CACHE_SLOTS,
            max_padding=CACHE_SLOTS,
            ep_size=job["ep"],
        )

    def experts(self) -> list:
        """What the capturer says of each request: (layers, tokens, top_k), the last token left out, as
        it has not gone through the layers."""
        tokens = np.zeros((len(self.slots), CACHE_SLOTS), np.int32)
        for row, slots in enumerate(self.slots):
            tokens[row, : len(slots)] = slots
        pool = types.SimpleNamespace(req_to_token=tokens)
        return [
            self.capturer.get_routed_experts(row, len(slots) + 1, pool, 0).tolist()
            for row, slots in enumerate(self.slots)
        ]

    def _place(self, values, dtype=jnp.int32):
        # Batches are laid over data since logits are chosen by their indices.
        spec = P("data") if self.indices else P(None)
        return jax.device_put(jnp.asarray(values, dtype), NamedSharding(self.mesh, spec))

    def _run(self, mode, ids, positions, new_slots, extend_lens=None):
        from sgl_jax.srt.layers.logits_processor import LogitsMetadata
        from sgl_jax.srt.model_executor.forward_batch_info import (
            CaptureHiddenMode,
            ForwardBatch,
        )

        used = [slot for slots in self.slots for slot in slots]
        lens = [len(slots) for slots in self.slots]
        requests = len(lens)
        self.memory.describe(
            types.SimpleNamespace(
                forward_mode=mode,
                dp_size=1,
                per_dp_bs_size=requests,
                seq_lens=np.asarray(lens, np.int32),
                extend_seq_lens=extend_lens,
            )
        )
        extend = {}
        metadata = {}
        if extend_lens is not None:
            extend = {
                "extend_prefix_lens": self._place([0] * requests),
                "extend_seq_lens": self._place(extend_lens),
            }
            if self.starts:
                extend["extend_start_loc"] = self._place(np.cumsum(extend_lens) - extend_lens)
            metadata["extend_seq_lens"] = self._place(extend_lens)
            if self.indices:
                metadata["logits_indices"] = self._place(np.cumsum(extend_lens) - 1)
        batch = ForwardBatch(
            bid=0,
            forward_mode=mode,
            batch_size=requests,
            input_ids=self._place(ids),
            req_pool_indices=self._place(range(requests)),
            seq_lens=self._place(lens),
            out_cache_loc=self._place(new_slots),
            positions=self._place(positions),
            attn_backend=self.memory.attention,
            cache_loc=self._place(used + [0] * (CACHE_SLOTS - len(used))),
            **extend,
        )
        batch.capture_hidden_mode = CaptureHiddenMode.NULL
        if self.redundant:
            from sgl_jax.srt.eplb.expert_location import (
                get_global_expert_location_metadata,
            )

            batch.expert_location_metadata = get_global_expert_location_metadata()
        info = LogitsMetadata(
            forward_mode=mode, capture_hidden_mode=CaptureHiddenMode.NULL, **metadata
        )
        with jax.set_mesh(self.mesh):
            logits, cache, chosen = self.forward(self.state, batch, self.memory.pools, info)
        if self.capturer is not None:
            worker_batch = types.SimpleNamespace(
                bid=0,
                forward_mode=mode,
                out_cache_loc=np.asarray(new_slots),
                get_original_input_len=lambda: len(new_slots),
            )
            self.capturer.on_forward_end(chosen, worker_batch)
        self.memory.keep(cache)
        return np.asarray(logits, np.float32)[:requests]

    def prefill(self, prompts: list[list[int]]) -> np.ndarray:
        """Logits (requests, vocabulary) after the prompts."""
        from sgl_jax.srt.model_executor.forward_batch_info import ForwardMode

        new = []
        for prompt in prompts:
            slots = list(range(self.free, self.free + len(prompt)))
            self.free += len(prompt)
            self.slots.append(slots)
            new += slots
        ids = [token for prompt in prompts for token in prompt]
        positions = [i for prompt in prompts for i in range(len(prompt))]
        lens = np.asarray([len(prompt) for prompt in prompts])
        return self._run(ForwardMode.EXTEND, ids, positions, new, lens)

    def step(self, tokens: list[int]) -> np.ndarray:
        """Logits (requests, vocabulary) after one more token of each request."""
        from sgl_jax.srt.model_executor.forward_batch_info import ForwardMode

        new, positions = [], []
        for slots in self.slots:
            positions.append(len(slots))
            slots.append(self.free)
            new.append(self.free)
            self.free += 1
        return self._run(ForwardMode.DECODE, tokens, positions, new)


def load(job: dict) -> Runner:
    """The model of `job`; its keys are explained in decode.py."""
    # The package of PyPI has one layer of kernels less than the checkouts.
    if importlib.util.find_spec("sgl_jax.srt.layers.gmm") is not None:
        return importlib.import_module("pypi").PypiRunner(job)
    return Runner(job)
