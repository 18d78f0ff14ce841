#!/usr/bin/env python3
"""Plays AVR episodes and prints a table: a random listed option, or the oracle's own replies."""

from __future__ import annotations

import argparse
import random
from typing import Any

import gaze_gym
import gymnasium


def play(env: gymnasium.Env, seed: int, policy: str, rng: random.Random) -> dict[str, Any]:
    """Plays one episode and returns a row of the table."""
    obs, info = env.reset(seed=seed)
    question = obs["text"].split("Question: ")[-1].splitlines()[0]
    total, over, letters = 0.0, False, ""
    while not over:
        if policy == "oracle-reply":
            reply = info["oracle"]["reply"]
        else:
            reply = gaze_gym.answer(rng.choice(list(gaze_gym.options(obs["text"]))))
        obs, reward, terminated, truncated, info = env.step(reply)
        total, over = total + float(reward), terminated or truncated
        choice = info["outcome"]["choice"]
        letters += chr(ord("A") + choice) if choice >= 0 else "-"
    outcome = info["outcome"]
    result = "right" if outcome["correct"] else "wrong" if outcome["answered"] else "no answer"
    return {"seed": info["seed"], "choices": letters, "result": result, "reward": total,
            "question": question}


def main() -> None:
    """Reads the command line and plays."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--address", help="a running gaze serve env; default: start one")
    p.add_argument("--gaze", help="the gaze program, if one has to be started")
    p.add_argument("--policy", choices=["random", "oracle-reply"], default="random")
    p.add_argument("--split", choices=["train", "val", "test"], default="train")
    p.add_argument("--episodes", type=int, default=10)
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    rng = random.Random(args.seed)
    try:
        env = gymnasium.make("gaze/AVR-v0", address=args.address, gaze=args.gaze,
                             split=args.split, oracle=args.policy == "oracle-reply")
    except gaze_gym.GazeError as e:
        raise SystemExit(f"play: {e}") from None
    print(f"{'seed':>8}  {'choices':<9} {'result':<9} {'reward':>6}  question")
    rows = []
    with env:
        for i in range(args.episodes):
            rows.append(play(env, args.seed + i, args.policy, rng))
            print("{seed:>8}  {choices:<9} {result:<9} {reward:>6.2f}  {question}".format(
                **rows[-1]))
    if rows:
        right = sum(r["result"] == "right" for r in rows)
        mean = sum(r["reward"] for r in rows) / len(rows)
        print(f"{right} of {len(rows)} right, mean reward {mean:.2f}")


if __name__ == "__main__":
    main()
