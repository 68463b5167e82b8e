"""Run by a python that has xllamacpp and gguf: `FOLDER PORT`, a mini's folder with weights.npz in it -> llama.cpp's server on that port."""

import json
import sys
import time
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

folder, port = Path(sys.argv[1]), int(sys.argv[2])
config, words = (json.loads((folder / name).read_text(encoding="utf-8")) for name in ("config.json", "tokenizer.json"))
heads, layers, size = config["num_attention_heads"], config["num_hidden_layers"], config["vocab_size"]

writer = gguf.GGUFWriter(folder / "mini.gguf", "llama")
writer.add_context_length(config["max_position_embeddings"])
writer.add_embedding_length(config["hidden_size"])
writer.add_block_count(layers)
writer.add_feed_forward_length(config["intermediate_size"])
writer.add_head_count(heads)
writer.add_head_count_kv(config["num_key_value_heads"])
writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
long = {entry["id"]: entry for entry in words["added_tokens"]}
tokens = {at: text for text, at in words["model"]["vocab"].items()} | {at: entry["content"] for at, entry in long.items()}
kinds = gguf.TokenType
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("ufakzeka")  # keeps letters together and apart from all else, as the minis' own
writer.add_token_list([tokens[at] for at in range(size)])
writer.add_token_types(
    [kinds.NORMAL if at not in long else kinds.CONTROL if long[at]["special"] else kinds.USER_DEFINED for at in range(size)]
)
writer.add_token_merges([" ".join(pair) for pair in words["model"]["merges"]])
writer.add_bos_token_id(config["bos_token_id"])
writer.add_eos_token_id(config["eos_token_id"])
writer.add_add_bos_token(False)
names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
for name, whole in np.load(folder / "weights.npz").items():
    values = whole
    if name.endswith(("q_proj.weight", "k_proj.weight")):  # llama.cpp rotates neighbours, transformers halves
        values = whole.reshape(heads, 2, -1, whole.shape[1]).swapaxes(1, 2).reshape(whole.shape)
    writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(values))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

params = xllamacpp.CommonParams()
params.model.path, params.port, params.model_alias = str(folder / "mini.gguf"), port, {"mini"}
params.n_parallel, params.kv_unified, params.n_ctx, params.endpoint_slots = 4, True, 256, True
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
while True:
    time.sleep(1)
