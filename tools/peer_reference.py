#!/usr/bin/env python3
"""Compares the engine with the reference implementation on folders that it writes itself.

usage: peer_reference.py [--gaze build/release/gaze] [--model policies/tiny] [--folders 20] [--seed 0]

Needs torch, torchvision and transformers (PyPI), which gaze itself never uses. For each folder a
configuration is drawn (head width and count, grouped heads, depth, windows, full-attention blocks,
tied or untied head, M-RoPE sections), random weights are saved by transformers (f32, bf16 or f16,
one file or shards), and the logits after a prompt with 0 to 3 pictures of odd shapes are compared:
within 2e-4, or, where random weights amplify rounding, within four times what the reference itself
loses between f64 and f32.
Then the given model writes greedily for a few pictures in both, and the texts are compared.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import tempfile

import numpy as np
import torch
from PIL import Image
from transformers import AutoProcessor, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

LIMIT = 2e-4  # of a logit
SHAPES = [(29, 29), (28, 300), (600, 60), (131, 97), (224, 224), (333, 57), (45, 640), (28, 28)]


def draw_config(rng, base):
    c = json.loads(json.dumps(base))
    dim, kv, group = rng.choice([16, 32, 64]), rng.choice([1, 2, 3]), rng.choice([1, 2, 4])
    width, half = dim * kv * group, dim // 2
    sections = [half // 4, (half - half // 4) // 2]
    sections.append(half - sum(sections))
    c.update(hidden_size=width, num_attention_heads=kv * group, num_key_value_heads=kv,
             num_hidden_layers=rng.choice([1, 2, 3, 5]), max_window_layers=0,
             intermediate_size=rng.choice([40, 96, 200]), tie_word_embeddings=rng.random() < 0.5,
             rope_theta=rng.choice([1000, 10000.0, 1e6]),
             rope_scaling={"type": "mrope", "mrope_section": sections})
    heads, depth = rng.choice([2, 3, 4]), rng.choice([1, 3, 4])
    c["vision_config"].update(
        depth=depth, num_heads=heads, hidden_size=heads * rng.choice([16, 32, 64]),
        intermediate_size=rng.choice([64, 100]), out_hidden_size=width,
        window_size=rng.choice([56, 112, 168]),
        fullatt_block_indexes=sorted(rng.sample(range(depth), rng.randint(0, depth))))
    return c


def write_folder(rng, seed, model, folder):
    """A random checkpoint; the tokenizer and processor files are those of `model`."""
    with open(os.path.join(model, "config.json")) as f:
        config = draw_config(rng, json.load(f))
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
    torch.manual_seed(seed)
    c = Qwen2_5_VLConfig.from_pretrained(folder)
    c.initializer_range, c.vision_config.initializer_range = 0.15, 0.1  # far from uniform logits
    net = Qwen2_5_VLForConditionalGeneration(c).to(
        rng.choice([torch.float32, torch.bfloat16, torch.float16]))
    net.save_pretrained(folder, max_shard_size=rng.choice(["50KB", "10GB"]))
    for name in os.listdir(model):
        if name.startswith(("tok", "voc", "mer", "prep", "chat", "gener")):
            shutil.copy(os.path.join(model, name), folder)


def load(folder):
    net = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, torch_dtype=torch.float32)
    return net.eval(), AutoProcessor.from_pretrained(folder, use_fast=True)


def prompt_of(processor, text, pictures):
    content = [{"type": "image"} for _ in pictures] + [{"type": "text", "text": text}]
    chat = processor.apply_chat_template([{"role": "user", "content": content}], tokenize=False,
                                         add_generation_prompt=True)
    return chat, processor(text=[chat], images=pictures or None, return_tensors="pt")


def ask_gaze(gaze, folder, chat, pictures, work, *flags):
    command = [gaze, "generate", "--model", folder, "--raw", "--prompt", chat, "--json", *flags]
    for i, p in enumerate(pictures):
        path = os.path.join(work, f"picture{i}.png")
        p.save(path)
        command += ["--image", path]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"gaze failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def noise(rng, shape):
    values = np.random.RandomState(rng.randrange(1 << 30)).randint(0, 256, (*shape[::-1], 3))
    return Image.fromarray(values.astype(np.uint8))


def compare_folder(args, number, work):
    rng = random.Random(args.seed * 1000 + number)
    folder = os.path.join(work, "model")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    write_folder(rng, number, args.model, folder)
    net, processor = load(folder)
    pictures = [noise(rng, rng.choice(SHAPES)) for _ in range(rng.randint(0, 3))]
    chat, x = prompt_of(processor, "Is there a red cube? \u00e9\u6f22 12", pictures)
    with torch.no_grad():
        want = net(**x).logits[0, -1].numpy()
        fine = net.double()(**x).logits[0, -1].numpy()
    got = ask_gaze(args.gaze, folder, chat, pictures, work, "--max-new", "1", "--logits")
    same = got["prompt_ids"] == x.input_ids[0].tolist()
    error = float(np.abs(np.array(got["logits"]) - want).max())
    rounding = float(np.abs(want - fine).max())
    print(f"folder {number}: prompt ids {'same' if same else 'DIFFER'}, logit error {error:.1e} "
          f"of {np.abs(want).max():.1f}, reference's own {rounding:.1e}, "
          f"pictures {[p.size for p in pictures]}")
    return same and error <= max(LIMIT, 4 * rounding)


def compare_texts(args, work):
    rng = random.Random(args.seed)
    net, processor = load(args.model)
    right = True
    for question in ("List.", "Hidden?", "how many objects are red?"):
        picture = noise(rng, (224, 224)).resize((16, 16)).resize((224, 224))
        chat, x = prompt_of(processor, question, [picture])
        with torch.no_grad():
            ids = net.generate(**x, max_new_tokens=80, do_sample=False)[0, x.input_ids.shape[1]:]
        want = processor.tokenizer.decode(ids, skip_special_tokens=True).strip()
        got = ask_gaze(args.gaze, args.model, chat, [picture], work, "--max-new", "80")["text"]
        print(f"{args.model}: {question} {'same text' if got.strip() == want else 'TEXT DIFFERS'}")
        right &= got.strip() == want
    return right


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--gaze", default="build/release/gaze")
    p.add_argument("--model", default="policies/tiny")
    p.add_argument("--folders", type=int, default=20)
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        right = [compare_folder(args, i, work) for i in range(args.folders)]
        texts = compare_texts(args, work)
    print(f"{sum(right)} of {len(right)} folders within the limit")
    raise SystemExit(0 if all(right) and texts else 1)


if __name__ == "__main__":
    main()
