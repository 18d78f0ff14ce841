#!/usr/bin/env python3
"""What a model knows of its own thoughts: which words it would have written, given all before.

usage: teacher_forced.py MODEL FILE.mcap [--episodes 60]

Needs torch, transformers and mcap (PyPI), which gaze itself never uses. FILE is drawn by `gaze gen --env
avr` (or perception) with the model's image size, from seeds it was not trained on. Every line of every
reply that is taught is read with the right words before it; printed is the share of lines that the
model would have written exactly, by kind of line, and the share of names by the size of their box
in the picture (hundredths of width times hundredths of height: 100 is a tenth by a tenth).
"""
import argparse
import bisect
import io
import json
from collections import defaultdict

import torch
from mcap.reader import make_reader
from PIL import Image
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
NAMES = set("large small gray red blue green brown purple cyan yellow cube sphere cylinder object".split())
SIZES = [12, 20, 30, 45, 70, 120, 250, 10000]


def conversations(path):
    """Yields (turns, pictures) of every record."""
    turns, pictures = [], []
    with open(path, "rb") as f:
        for _, channel, message in make_reader(f).iter_messages():
            if channel.topic == "/chat":
                turns.append(json.loads(message.data))
            elif "image" in channel.topic:
                png = message.data[message.data.find(b"\x89PNG"):]
                pictures.append(Image.open(io.BytesIO(png)).convert("RGB"))
            elif channel.topic == "/episode":
                yield turns, pictures
                turns, pictures = [], []


class Reading:
    """One conversation with, for every token, whether the model would have written it."""

    def __init__(self, processor, model, turns, pictures):
        text = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        for t in turns:
            text += "<|im_start|>user\n" + t["user"].replace("<image>", IMAGE) + "<|im_end|>\n"
            text += "<|im_start|>assistant\n" + t["reply"] + "<|im_end|>\n"
        x = processor(text=[text], images=pictures or None, return_tensors="pt")
        with torch.no_grad():
            best = model(**x).logits[0].argmax(-1)
        ids = x.input_ids[0]
        self.right = [False] + (best[:-1] == ids[1:]).tolist()
        self.text, self.start = "", []
        for i in ids.tolist():
            self.start.append(len(self.text))
            self.text += processor.tokenizer.decode([i])

    def exact(self, a, b):
        """Whether all tokens of the characters a..b are right."""
        i = bisect.bisect_right(self.start, a) - 1
        while i < len(self.start) and self.start[i] < b:
            if not self.right[i]:
                return False
            i += 1
        return True


def read_reply(r, at, turn, first, count):
    when, section, names_right = "first " if first else "later ", "", True
    for line in turn["reply"].split("\n"):
        begin, end = at, at + len(line)
        at = end + 1
        head = line.split(":")[0]
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("["):
            box = [int(v) for v in line[1:line.index("]")].split()]
            area = (box[2] - box[0]) * (box[3] - box[1])
            after = line[line.index("]") + 2:].split(" ")
            name = " ".join(w for w in after if w in NAMES)
            from_ = begin + line.index("]") + 1
            right = r.exact(from_, from_ + 1 + len(name))
            names_right &= right
            count["name"].append(right)
            count["name, box up to %5d" % next(s for s in SIZES if area <= s)].append(right)
            if len(after) > len(name.split(" ")):
                count[when + "marks"].append(r.exact(from_ + 1 + len(name), end + 1))
        elif head in ("Known", "Match", "Hidden", "Answer"):
            if head == "Match":
                count[when + "all names of the list"].append(names_right)
            count[when + head].append(r.exact(begin, end))
        elif section == "Information Gain" and line:
            count[when + "gain, " + line.split()[-1]].append(r.exact(begin, end))
        elif section == "Decision" and ":" in line:
            count[when + "decision"].append(r.exact(begin, end))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("model")
    p.add_argument("file")
    p.add_argument("--episodes", type=int, default=60)
    a = p.parse_args()
    processor = AutoProcessor.from_pretrained(a.model)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(a.model, torch_dtype=torch.float32).eval()
    count = defaultdict(list)
    for n, (turns, pictures) in enumerate(conversations(a.file)):
        if n == a.episodes:
            break
        r, at = Reading(processor, model, turns, pictures), 0
        for t, turn in enumerate(turns):
            mark = "<|im_start|>assistant\n"
            at = r.text.index(mark + turn["reply"], at) + len(mark)
            if turn.get("trainable", True):
                read_reply(r, at, turn, t == 0, count)
    for kind in sorted(count):
        print("%-28s %5.1f %%  of %d" % (kind, 100 * sum(count[kind]) / len(count[kind]), len(count[kind])))


if __name__ == "__main__":
    main()
