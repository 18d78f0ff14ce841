#!/usr/bin/env python3
"""Checks 1-3 of the game's leak list on drawn episodes: what can be told without looking?

usage: leak_checks.py EPISODES.mcap [MORE.mcap ...]     (made by: gaze gen --env avr --episodes N)

Per question type (query, exist, count; with avr.complete comparison, hypothetical and composite too),
by five-fold cross-validation, forced to answer:
  majority       the most frequent right value among those offered
  question       conditional logit over question word x offered value, and over the value's letter
Chance is one over the number of offered answers. Then: is the right letter uniform over the answer
letters, and do option count and option kinds tell whether the first view is sufficient?
Needs numpy and mcap (PyPI).
"""
import json
import re
import sys
from collections import Counter

import numpy as np
from mcap.reader import make_reader

FOLDS, EPOCHS = 5, 30
KINDS = {"how many": "count", "is there": "exist", "is the": "comparison", "which": "comparison",
         "add": "hypothetical", "remove": "hypothetical", "": "query"}  # by how a question begins
ACTION = re.compile(r"^(view|turn|pick|move) ")


def read(paths):
    """First turn of every episode with its right value: the answer of the last turn."""
    for path in paths:
        with open(path, "rb") as f:
            turns = []
            for _, channel, message in make_reader(f).iter_messages(topics=["/chat", "/episode"]):
                if channel.topic == "/chat":
                    turns.append(json.loads(message.data))
                    continue
                yield turns
                turns = []


def parse(turns):
    user, last = turns[0]["user"], turns[-1]["reply"]
    question = re.search(r"Question: (.*)\?", user).group(1)
    options = [line.rsplit(" ", 1) for line in user.split("Options:\n")[1].split("\n")]
    decision = re.search(r"\nsufficient: (.*) [A-Z]\n", last)
    if not decision:
        return None
    answers = [(name, letter) for name, letter in options if not ACTION.match(name)]
    names = [name for name, _ in answers]
    if decision.group(1) not in names:
        return None
    kind = next(kind for head, kind in KINDS.items() if question.startswith(head))
    if kind == "hypothetical" and "how many" not in question:
        kind = "composite"
    return {"kind": kind, "words": question.split(), "values": names,
            "letters": [letter for _, letter in answers], "right": names.index(decision.group(1)),
            "first_sufficient": "\nAnswer: " + decision.group(1) + "\n" in turns[0]["reply"]
            and "Answer: unknown" not in turns[0]["reply"],
            "kinds": Counter(name.split()[0] if ACTION.match(name) else "answer"
                             for name, _ in options), "count": len(options)}


def features(e, i):
    """Names of the features of answer i."""
    keys = [("value", e["kind"], e["values"][i]), ("letter", e["letters"][i]), ("place", i)]
    keys += [("word", w, e["values"][i]) for w in set(e["words"])]
    # a count may be guessed from where it stands among the others
    if e["values"][0].isdigit():
        keys.append(("rank", sorted(map(int, e["values"])).index(int(e["values"][i]))))
    return keys


def conditional_logit(train, test, rng):
    index = {}
    for e in train:
        for i in range(len(e["values"])):
            for key in features(e, i):
                index.setdefault(key, len(index))

    def known(e):
        """Per answer the indices of its features; those never trained on are left out."""
        return [[index[k] for k in features(e, i) if k in index] for i in range(len(e["values"]))]

    w, square = np.zeros(len(index)), np.full(len(index), 1e-8)
    rows = [known(e) for e in train]
    for _ in range(EPOCHS):
        for k in rng.permutation(len(train)):
            score = np.array([w[f].sum() for f in rows[k]])
            p = np.exp(score - score.max())
            p /= p.sum()
            p[train[k]["right"]] -= 1
            for f, g in zip(rows[k], p):
                square[f] += g * g
                w[f] -= 0.1 * (g / np.sqrt(square[f]) + 1e-3 * w[f])
    return [int(np.argmax([w[f].sum() for f in known(e)]) == e["right"]) for e in test]


def majority(train, test):
    count = Counter((e["kind"], e["values"][e["right"]]) for e in train)
    return [int(max(range(len(e["values"])), key=lambda i: count[e["kind"], e["values"][i]]) ==
                e["right"]) for e in test]


def sufficiency(episodes, rng):
    """Accuracy of a logistic regression on option count and kinds, balanced classes."""
    kinds = ["answer", "view", "turn", "pick", "move"]
    x = np.array([[1, e["count"]] + [e["kinds"][k] for k in kinds] for e in episodes], float)
    x = np.hstack([x, x[:, 1:] ** 2])
    x[:, 1:] = (x[:, 1:] - x[:, 1:].mean(0)) / (x[:, 1:].std(0) + 1e-9)
    y = np.array([e["first_sufficient"] for e in episodes], float)
    fold = rng.permutation(len(y)) % FOLDS
    balanced = []
    for k in range(FOLDS):
        a, b = fold != k, fold == k
        weight = np.where(y[a] == 1, 0.5 / y[a].mean(), 0.5 / (1 - y[a].mean()))
        w = np.zeros(x.shape[1])
        for _ in range(500):
            p = 1 / (1 + np.exp(-x[a] @ w))
            w -= 0.5 * (x[a].T @ ((p - y[a]) * weight)) / a.sum()
        hit = ((x[b] @ w > 0) == y[b])
        balanced.append((hit[y[b] == 1].mean() + hit[y[b] == 0].mean()) / 2)
    return float(np.mean(balanced))


def main():
    rng = np.random.default_rng(0)
    episodes = [e for e in map(parse, read(sys.argv[1:])) if e]
    print(f"{len(episodes)} episodes, {100 * np.mean([e['first_sufficient'] for e in episodes]):.1f} % "
          "sufficient at first")
    for kind in ("query", "exist", "count", "comparison", "hypothetical", "composite"):
        part = [e for e in episodes if e["kind"] == kind]
        if not part:
            continue
        fold = rng.permutation(len(part)) % FOLDS
        hits = {"majority": [], "question": []}
        for k in range(FOLDS):
            train = [e for e, f in zip(part, fold) if f != k]
            test = [e for e, f in zip(part, fold) if f == k]
            hits["majority"] += majority(train, test)
            hits["question"] += conditional_logit(train, test, rng)
        chance = 100 * np.mean([1 / len(e["values"]) for e in part])
        line = ", ".join(f"{name} {100 * np.mean(h):.1f}" for name, h in hits.items())
        print(f"{kind}: n {len(part)}, chance {chance:.1f}, {line}")
    place = Counter((len(e["values"]), e["right"]) for e in episodes)
    for n in sorted({n for n, _ in place}):
        seen = np.array([place[n, i] for i in range(n)], float)
        chi = ((seen - seen.mean()) ** 2 / seen.mean()).sum()
        print(f"right answer's place among {n}: {seen.astype(int).tolist()}, "
              f"chi-square {chi:.1f} on {n - 1} degrees")
    print(f"option count and kinds tell sufficiency: {100 * sufficiency(episodes, rng):.1f} % "
          "(balanced; limit 55)")


if __name__ == "__main__":
    main()
