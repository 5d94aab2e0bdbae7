"""Greedy decoding of a tiny checkpoint through a real sgl-jax tree, on simulated devices.

Runs in the tree's own Python environment with its `python/` folder on the path. Reads one JSON job a
line on stdin, writes one JSON answer a line on stdout:

  {"model": folder, "backend": "epmoe", "dtype": "float32", "mesh": [1, 4], "ep": 4,
   "prompts": [[1, 2, 3]], "new_tokens": 16}
  -> {"ids": [[...]], "margins": [[...]], "backend": "epmoe", "seconds": 1.2}
  or {"error": "ValueError: ..."}

"quantization" in a job is what a file of --quantization-config-path has below that key; "redundant" is the
server's --ep-num-redundant-experts, with experts that lie backwards; "capture" asks the server's capturer for
the experts that tokens chose: "experts", (requests, layers, tokens, top_k).

A margin is the best logit minus the second best: how far the choice is from another token.
"""

import json
import sys
import time
import traceback

import trees


def decode(job: dict) -> dict:
    start = time.perf_counter()
    runner = trees.load(job)
    ids = [[] for _ in job["prompts"]]
    margins = [[] for _ in job["prompts"]]
    logits = runner.prefill(job["prompts"])
    for step in range(job["new_tokens"]):
        for row, values in enumerate(logits):
            order = values.argsort()
            ids[row].append(int(order[-1]))
            margins[row].append(round(float(values[order[-1]] - values[order[-2]]), 4))
        if step + 1 < job["new_tokens"]:
            logits = runner.step([row[-1] for row in ids])
    captured = {"experts": runner.experts()} if job.get("capture") else {}
    return {
        **captured,
        "ids": ids,
        "margins": margins,
        "backend": getattr(runner.config.hf_config, "moe_backend", None),
        "logits": [[float(v) for v in row] for row in logits],
        "seconds": round(time.perf_counter() - start, 2),
    }


def main() -> None:
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            answer = decode(json.loads(line))
        except Exception as error:
            traceback.print_exc(limit=-6)
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
