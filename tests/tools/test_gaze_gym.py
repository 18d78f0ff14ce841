"""Tests of tools/gaze_gym against the real server and against a fake one.

usage: test_gaze_gym.py GAZE [unittest arguments]
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
from pathlib import Path
from typing import Any

import fake_env_server as fake
import gaze_gym
import gymnasium
import msgpack
import numpy as np
from gaze_gym import shared, view, wire
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

ROOT = Path(__file__).resolve().parents[2]
GAZE = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(ROOT / "build/release/gaze")
ID = "gaze/AVR-v0"
SMALL = {"image_size": 56, "settings": {"avr.judge_size": 224, "avr.physics": False}}
HANG_S = 60.0  # what is meant to take a second or two and takes longer than this hangs


def make(**kwargs: Any) -> gymnasium.Env:
    """A single environment, small pictures, with a server of its own unless an address is given."""
    kwargs = {**SMALL, **kwargs}
    if "address" not in kwargs:
        kwargs["gaze"] = GAZE
    return gymnasium.make(ID, **kwargs)


def make_vec(rows: int, **kwargs: Any) -> gaze_gym.AvrVectorEnv:
    """A vector environment with a server of its own."""
    return gymnasium.make_vec(ID, num_envs=rows, gaze=GAZE, **{**SMALL, **kwargs})


def letters(rng: random.Random, rows: int) -> list[str]:
    """Replies that are options, answers or (N) often neither."""
    return [gaze_gym.answer(rng.choice("ABCDEFN")) for _ in range(rows)]


def play(env: gymnasium.Env, seed: int) -> list[Any]:
    """One episode with replies that depend on the seed only; all that was returned."""
    rng, told, over = random.Random(seed), [env.reset(seed=seed)], False
    while not over:
        told.append(env.step(letters(rng, 1)[0]))
        over = told[-1][2] or told[-1][3]
    return told


def stop(pid: int) -> None:
    """Freezes a child; returns when all its threads stand still."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)


class TestCase(unittest.TestCase):
    """Equality of nested arrays, and a limit for what must not hang."""

    def same(self, a: Any, b: Any) -> None:
        self.assertTrue(data_equivalence(a, b, exact=True), f"{a}\n\n{b}")

    def soon(self, error: type[Exception], sentence: str, call: Any, *args: Any, **kw: Any) -> None:
        """call() raises the error with the sentence and does not hang."""
        start = time.monotonic()
        with self.assertRaisesRegex(error, sentence):
            call(*args, **kw)
        self.assertLess(time.monotonic() - start, HANG_S)


class SingleTest(TestCase):
    def test_check_env_finds_nothing(self) -> None:
        with warnings.catch_warnings(), make() as env:
            warnings.simplefilter("error")
            check_env(env.unwrapped)

    def test_observations_and_infos(self) -> None:
        with make() as env:
            for seed in range(3):
                told = play(env, seed)
                for k, (obs, *_rest, info) in enumerate(told):
                    self.assertIn(obs, env.observation_space)
                    self.assertEqual(obs["turn"].tolist(), [k])
                    self.assertEqual(info["seed"], seed)
                    self.assertNotIn("oracle", info)
                    self.assertEqual("outcome" in info, k > 0)
                for obs, *_rest in told[:-1]:
                    self.assertIn("A", gaze_gym.options(obs["text"]))
                (before, *_), (last, _, terminated, _, info) = told[-2:]
                self.assertTrue(terminated)
                self.assertEqual((last["text"], info["new_images"]), ("", 0))
                self.same(last["image"], before["image"])
                self.assertFalse(np.shares_memory(last["image"], before["image"]))
                self.assertFalse({"sufficient", "gaining", "bits"} & set(info["outcome"]))

    def test_oracle_only_when_asked(self) -> None:
        with make(oracle=True) as env:
            _, info = env.reset(seed=1)
            self.assertIsInstance(info["oracle"]["sufficient"], bool)
            total, over = 0.0, False
            while not over:
                _, reward, terminated, truncated, info = env.step(info["oracle"]["reply"])
                total, over = total + reward, terminated or truncated
            self.assertTrue(info["outcome"]["correct"] and info["outcome"]["sufficient"])
            self.assertGreater(total, 0.9)

    def test_step_outside_an_episode(self) -> None:
        with make(disable_env_checker=True) as env:
            with self.assertRaises(ResetNeeded):
                env.unwrapped.step("x")
            play(env, 0)
            with self.assertRaises(ResetNeeded):
                env.step("x")
            env.reset(seed=0)

    def test_refused_actions_leave_the_episode_alone(self) -> None:
        with make() as env:
            first = env.reset(seed=4)
            for bad, error in ((b"x", TypeError), (None, TypeError), ("a\0b", ValueError),
                               ("\ud800", ValueError), ("x" * (wire.TEXT_MAX + 1), ValueError)):
                with self.assertRaises(error):
                    env.step(bad)
            odd = env.step("\u00e9\u6f22" + "x" * 100000)
            self.assertEqual(odd[4]["outcome"]["status"], "invalid")
            self.assertEqual(odd[0]["turn"].tolist(), [1])
            self.same(first, env.reset(seed=4))

    def test_seeds_stay_in_their_split(self) -> None:
        for split, first in view.SPLITS.items():
            with make(split=split) as env:
                self.assertEqual(env.reset(seed=7)[1]["seed"], first + 7)
                drawn = [env.reset()[1]["seed"] for _ in range(2)]
                far = env.reset(seed=20_000_000)[1]["seed"]
                env.reset(seed=7)
                self.assertEqual(drawn, [env.reset()[1]["seed"] for _ in range(2)])
                for s in (*drawn, far):
                    self.assertTrue(first <= s < first + view.SPLIT_SEEDS)
        with self.assertRaises(ValueError):
            make(split="all")

    def test_render(self) -> None:
        with make(render_mode="rgb_array") as env:
            obs, _ = env.reset(seed=0)
            self.same(env.render(), obs["image"])

    def test_words(self) -> None:
        text = "Result: ok.\n<image>\nOptions:\nview left 30 A\nred B\n2 C"
        self.assertEqual(gaze_gym.options(text), {"A": "view left 30", "B": "red", "C": "2"})
        self.assertEqual(gaze_gym.options("no list"), {})
        self.assertEqual(gaze_gym.answer("B"), "<answer>B</answer>")


class ServerTest(TestCase):
    def test_equal_seeds_equal_bytes(self) -> None:
        told = []
        for transport in ("ipc", "tcp", "tcp"):
            with make(transport=transport, oracle=True) as env:
                self.assertTrue(env.unwrapped.client.address.startswith(transport))
                told.append([play(env, 3), play(env, 4), play(env, 3)])
        self.same(told[0], told[1])
        self.same(told[0], told[2])
        self.same(told[0][0], told[0][2])
        self.assertFalse(data_equivalence(told[0][0][0], told[0][1][0]))

    def test_close_stops_and_tidies(self) -> None:
        env = make()
        env.reset(seed=0)
        server = env.unwrapped.client.server
        folder = Path(server.address.removeprefix("ipc://")).parent
        self.assertTrue(folder.exists())
        env.close()
        env.close()
        self.assertEqual(server.close(), 0)
        self.assertFalse(folder.exists())
        self.soon(gaze_gym.GazeConnectionError, "it was closed", env.unwrapped.reset)

    def test_a_forgotten_environment_leaves_no_server(self) -> None:
        code = ("import gaze_gym, gymnasium, sys\n"
                f"env = gymnasium.make({ID!r}, gaze=sys.argv[1])\n"
                "print(env.unwrapped.client.server.pid)\n")
        done = subprocess.run([sys.executable, "-c", code, GAZE], capture_output=True, text=True,
                              timeout=HANG_S, check=True)
        with self.assertRaises(ProcessLookupError):
            os.kill(int(done.stdout), 0)

    def test_a_forked_copy_leaves_the_server_alone(self) -> None:
        env = make()
        env.reset(seed=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of threads, ours among them
            child = os.fork()
        if child == 0:
            warnings.simplefilter("ignore")  # that it leaves everything open
            with contextlib.suppress(BaseException):
                env.close()
                env.unwrapped.client.server.close()
                del env
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        env.step("x")
        env.close()

    def test_a_running_server_serves_many(self) -> None:
        server = gaze_gym.Server(GAZE, rows=2, transport="tcp")
        try:
            for _ in range(12):  # more than it has places: close gives them back
                make(address=server.address).close()
            envs = [make(address=server.address) for _ in range(8)]
            self.same(envs[0].reset(seed=5), envs[7].reset(seed=5))
            self.soon(gaze_gym.GazeServerError, "full", make, address=server.address)
            for env in envs:
                env.close()
            self.soon(gaze_gym.GazeServerError, "n_envs", gymnasium.make_vec, ID, num_envs=3,
                      address=server.address)
            for settings in ({"avr.family": "x/y"}, {"avr.family": "none"}, {"avr.wording": 99}):
                self.soon(gaze_gym.GazeServerError, ".", make, address=server.address,
                          settings=settings)
        finally:
            self.assertEqual(server.close(), 0)

    def test_token(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            secret, address = Path(folder, "token"), f"ipc://{folder}/env"
            secret.write_text("open sesame\n")
            command = [GAZE, "serve", "env", "--bind", address, "--token-file", str(secret)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE)
            try:
                process.stdout.readline()
                for token in (None, "open"):
                    self.soon(gaze_gym.GazeServerError, "token", make, address=address, token=token)
                with make(address=address, token="open sesame") as env:
                    env.reset(seed=0)
            finally:
                process.terminate()
                process.wait(HANG_S)
                process.stdout.close()

    def test_wrong_address(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))  # accepts, and says nothing
        port = listener.getsockname()[1]
        spare = socket.create_server(("127.0.0.1", 0))
        free = spare.getsockname()[1]
        spare.close()
        try:
            for address in (f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{free}",
                            "ipc:///nonexistent/gaze"):
                self.soon(gaze_gym.GazeTimeout, "no gaze env server answered within 0.5 s", make,
                          address=address, connect_timeout=0.5)
        finally:
            listener.close()
        self.soon(gaze_gym.GazeConnectionError, "cannot connect", make, address="tcp://nonsense")
        self.soon(ValueError, "expected tcp", make, address="http://127.0.0.1")

    def test_no_program(self) -> None:
        self.soon(gaze_gym.GazeConnectionError, "expected the gaze program", gymnasium.make, ID,
                  gaze="/nonexistent/gaze")
        # a program that ends at once, and one that speaks of something else
        self.soon(gaze_gym.GazeConnectionError, "ended|told no address|expected the address",
                  gymnasium.make, ID, gaze="true")
        self.soon(gaze_gym.GazeConnectionError, "expected the address", gymnasium.make, ID,
                  gaze="echo")

    def test_killed_between_steps(self) -> None:
        with make() as env:
            env.reset(seed=0)
            os.kill(env.unwrapped.client.server.pid, signal.SIGKILL)
            self.soon(gaze_gym.GazeConnectionError, "signal 9", env.step, "x")
            self.soon(gaze_gym.GazeConnectionError, "no connection any more", env.reset)

    def test_killed_within_a_step(self) -> None:
        with make(timeout=HANG_S) as env:
            env.reset(seed=0)
            pid = env.unwrapped.client.server.pid
            stop(pid)
            timer = threading.Timer(0.5, os.kill, (pid, signal.SIGKILL))
            timer.start()
            self.soon(gaze_gym.GazeConnectionError, "signal 9", env.step, "x")
            timer.join()

    def test_foreign_server_killed(self) -> None:
        for transport in ("tcp", "ipc"):
            server = gaze_gym.Server(GAZE, transport=transport)
            env = make(address=server.address)
            env.reset(seed=0)
            os.kill(server.pid, signal.SIGKILL)
            self.soon(gaze_gym.GazeConnectionError, "connection was lost", env.step, "x")
            env.close()
            server.close()

    def test_silent_server(self) -> None:
        with make(timeout=1.0) as env:
            env.reset(seed=0)
            pid = env.unwrapped.client.server.pid
            stop(pid)
            self.soon(gaze_gym.GazeTimeout, "step: no answer within 1 s", env.step, "x")
            os.kill(pid, signal.SIGCONT)
            self.soon(gaze_gym.GazeConnectionError, "no connection any more", env.reset)

    def test_vector_server_killed(self) -> None:
        env = make_vec(2)
        env.reset(seed=0)
        os.kill(env.client.server.pid, signal.SIGKILL)
        self.soon(gaze_gym.GazeConnectionError, "signal 9", env.step, ["x", "x"])
        env.close()

    def test_example(self) -> None:
        script = str(ROOT / "tools/gaze_gym/examples/play.py")
        for policy, right in (("random", "of 2 right"), ("oracle-reply", "2 of 2 right")):
            done = subprocess.run([sys.executable, script, "--gaze", GAZE, "--episodes", "2",
                                   "--policy", policy], capture_output=True, text=True,
                                  timeout=2 * HANG_S, check=True)
            self.assertEqual(len(done.stdout.splitlines()), 4)
            self.assertIn(right, done.stdout)


class VectorTest(TestCase):
    def test_rows_equal_single_environments(self) -> None:
        for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
            ours = make_vec(3, autoreset_mode=mode, oracle=True)
            single = SyncVectorEnv([lambda: make(oracle=True)] * 3, autoreset_mode=mode)
            self.assertEqual(ours.metadata["autoreset_mode"], mode)
            self.assertEqual(ours.observation_space, single.observation_space)
            self.assertEqual(ours.action_space, single.action_space)
            self.same(ours.reset(seed=5), single.reset(seed=5))
            rng, ends = random.Random(0), 0
            for _ in range(12):
                actions = letters(rng, 3)
                told = ours.step(actions)
                self.assertIn(told[0], ours.observation_space)
                self.same(told, single.step(actions))
                ends += int(told[2].sum())
            self.assertGreater(ends, 2)
            self.same(ours.reset(), single.reset())
            ours.close()
            single.close()

    def test_disabled_is_the_default(self) -> None:
        env = make_vec(3)
        self.assertEqual(env.metadata["autoreset_mode"], AutoresetMode.DISABLED)
        with self.assertRaises(ResetNeeded):
            env.step(["x"] * 3)
        with self.assertRaises(ResetNeeded):
            env.reset(options={"reset_mask": np.array([True, False, False])})
        first, info = env.reset(seed=[9, 5, 9])
        self.assertEqual(info["seed"].tolist(), [9, 5, 9])
        self.same(first["image"][0], first["image"][2])
        over = np.zeros(3, bool)
        for letter in "ABCDEFGHIJKLMNOP":
            if over.any():
                break
            obs, _, over, _, info = env.step([gaze_gym.answer(letter), "wait", "wait"])
        self.assertEqual(over.tolist(), [True, False, False])
        with self.assertRaisesRegex(ResetNeeded, r"rows \[0\]"):
            env.step(["x"] * 3)
        again, info = env.reset(seed=[9, None, None], options={"reset_mask": over})
        self.same(again["image"][0], first["image"][0])
        self.assertEqual(again["text"][0], first["text"][0])
        self.assertEqual(again["text"][1:], obs["text"][1:])
        self.assertEqual(info["_seed"].tolist(), [True, False, False])
        env.step(["x"] * 3)
        env.close()

    def test_bad_arguments(self) -> None:
        for rows in (0, 65):
            with self.assertRaisesRegex(ValueError, "num_envs"):
                make_vec(rows)
        env = make_vec(2)
        env.reset(seed=0)
        for actions in ("xx", ["x"], ["x"] * 3, ["x", None], ["x", "\0"], 3):
            with self.assertRaises((TypeError, ValueError)):
                env.step(actions)
        for mask in (np.zeros(2, bool), np.ones(3, bool), np.ones(2)):
            with self.assertRaises(ValueError):
                env.reset(options={"reset_mask": mask})
        with self.assertRaises(ValueError):
            env.reset(seed=[1])
        env.step(["x", "x"])
        env.close()

    def test_chunk_step(self) -> None:
        rows, steps = 3, 4
        actions = [["wait", "wait", "wait", "wait"],
                   ["wait", *(gaze_gym.answer(c) for c in "ABC")],
                   [gaze_gym.answer(c) for c in "ABCD"]]
        ours = make_vec(rows)
        ours.reset(seed=20)
        obs, rewards, terminated, truncated, infos = ours.chunk_step(actions)
        self.assertIn(obs, ours.observation_space)
        self.assertEqual((rewards.shape, terminated.shape, truncated.shape), ((rows, steps),) * 3)
        ended = []
        for i in range(rows):
            with make() as env:
                told, over = env.reset(seed=20 + i), False
                for k in range(steps):
                    self.assertEqual(infos["executed"][i, k], not over)
                    if not over:
                        told = env.step(actions[i][k])
                    want = (0.0, False, False) if over else told[1:4]
                    self.assertEqual((rewards[i, k], terminated[i, k], truncated[i, k]),
                                     (np.float32(want[0]), *want[1:]))
                    over = over or want[1] or want[2]
                self.same({key: obs[key][i] for key in obs}, told[0])
                self.assertEqual(infos["outcome"]["choice"][i], told[-1]["outcome"]["choice"])
                ended.append(over)
        self.assertIn(True, ended)
        self.assertFalse(ended[0])
        # rows that are over stay as they are; the others go on
        again, rewards, terminated, _, infos = ours.chunk_step([["wait"]] * rows)
        self.assertEqual(infos["executed"][:, 0].tolist(), [not e for e in ended])
        over_rows = np.array(ended)
        self.assertFalse(terminated[over_rows].any() or rewards[over_rows].any())
        self.same(again["image"][over_rows], obs["image"][over_rows])
        ours.close()

    def test_chunk_step_with_autoreset(self) -> None:
        answers = [[gaze_gym.answer(c) for c in "ABCDEFGHIJKLMN"]] * 2
        plain, same = make_vec(2), make_vec(2, autoreset_mode="SameStep")
        plain.reset(seed=30)
        same.reset(seed=30)
        a = plain.chunk_step(answers)
        b = same.chunk_step(answers, done_at="last")
        self.assertTrue(a[2].any(axis=1).all())  # trying every letter ends every episode
        self.assertTrue(b[2][:, -1].all())
        self.assertFalse(b[2][:, :-1].any())
        self.same(a[1], b[1])
        self.same(a[4]["executed"], b[4]["executed"])
        final = b[4]["final_obs"]
        for i in range(2):
            self.same(final[i], {key: a[0][key][i] for key in a[0]})
        self.assertIs(b[4]["final_observation"][0], final[0])
        self.assertEqual(b[4]["_final_observation"].tolist(), [True, True])
        self.same(b[0], plain.reset()[0])  # the next episode of each row
        same.step(["x", "x"])
        plain.close()
        same.close()

    def test_chunk_step_refuses(self) -> None:
        env = make_vec(2)
        with self.assertRaises(ResetNeeded):
            env.chunk_step([["x"], ["x"]])
        env.reset(seed=0)
        for bad in ([["x"]], [["x"], ["x", "y"]], [[], []], [["x"], [None]], ["x", "y"], "xx"):
            with self.assertRaises((TypeError, ValueError)):
                env.chunk_step(bad)
        with self.assertRaises(ValueError):
            env.chunk_step([["x"], ["x"]], done_at="end")
        env.close()
        env = make_vec(1, autoreset_mode="NextStep")
        with self.assertRaises(ValueError):
            env.chunk_step([["x"]])
        env.close()


class ReachTest(TestCase):
    """Low-level actions: Box spaces, joints in the observation, chunks as arrays."""

    ID = "gaze/Reach-v0"
    SMALL = {"image_size": 56, "settings": {"reach.distractors": 1, "reach.steps": 6}}

    def vec(self, rows: int, **kwargs: Any) -> gaze_gym.ReachVectorEnv:
        return gymnasium.make_vec(self.ID, num_envs=rows, gaze=GAZE, **{**self.SMALL, **kwargs})

    def single(self, **kwargs: Any) -> gymnasium.Env:
        return gymnasium.make(self.ID, gaze=GAZE, **{**self.SMALL, **kwargs})

    def test_check_env_finds_nothing(self) -> None:
        with warnings.catch_warnings(), self.single() as env:
            warnings.simplefilter("error")
            check_env(env.unwrapped)

    def test_spaces_follow_the_contract(self) -> None:
        with self.single() as env:
            self.assertEqual(env.action_space.shape, (7,))
            np.testing.assert_allclose(env.action_space.high, [0.02] * 3 + [0.1] * 3 + [1])
            self.assertEqual(env.observation_space["q"].shape, (7,))
            self.assertEqual(env.unwrapped.client.contract.max_steps, 6)
            obs, _ = env.reset(seed=1)
            self.assertIn("reach the", obs["text"])
            self.assertTrue(np.abs(obs["q"]).max() > 0.1)

    def test_rows_equal_single_environments(self) -> None:
        rng = np.random.default_rng(0)
        for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
            ours = self.vec(3, autoreset_mode=mode, threads=2)
            single = SyncVectorEnv([self.single] * 3, autoreset_mode=mode)
            self.assertEqual(ours.observation_space, single.observation_space)
            self.assertEqual(ours.action_space, single.action_space)
            self.same(ours.reset(seed=5), single.reset(seed=5))
            ends = 0
            for _ in range(9):
                low, high = ours.action_space.low, ours.action_space.high
                actions = rng.uniform(low, high).astype(np.float32)
                told = ours.step(actions)
                self.same(told, single.step(actions))
                ends += int(told[3].sum())
            self.assertGreater(ends, 2)
            ours.close()
            single.close()

    def test_chunk_step(self) -> None:
        ours, plain = self.vec(2), self.vec(2)
        ours.reset(seed=3)
        plain.reset(seed=3)
        actions = np.random.default_rng(1).uniform(-0.01, 0.01, (2, 9, 7)).astype(np.float32)
        obs, rewards, terminated, truncated, infos = ours.chunk_step(actions)
        self.assertEqual(rewards.shape, (2, 9))
        for k in range(6):
            want = plain.step(actions[:, k])
            self.same(rewards[:, k], np.float64(want[1]))
            self.assertEqual(truncated[:, k].tolist(), want[3].tolist())
        self.same(obs, want[0])
        self.assertEqual(infos["executed"].sum(axis=1).tolist(), [6, 6])
        self.assertFalse(rewards[:, 6:].any() or truncated[:, 6:].any() or terminated.any())
        ours.close()
        plain.close()

    def test_bad_actions(self) -> None:
        env = self.vec(2)
        env.reset(seed=0)
        good = np.zeros((2, 7), np.float32)
        for bad in (np.zeros((2, 6)), np.zeros(7), good * np.nan, [["x"] * 7] * 2, "xx", None):
            with self.assertRaises((TypeError, ValueError)):
                env.step(bad)
        for bad in (np.zeros((2, 0, 7)), np.zeros((2, 7)), np.full((2, 3, 7), np.inf), [["x"]] * 2):
            with self.assertRaises((TypeError, ValueError)):
                env.chunk_step(bad)
        env.step(good)  # and the episodes go on
        env.close()


class MemoryTest(TestCase):
    """Pictures through shared memory: the same bytes, and nothing left behind."""

    def test_equal_bytes_over_every_way(self) -> None:
        told = []
        for transport in ("ipc", "tcp"):
            for shm in (True, False):
                env = make_vec(2, transport=transport, shm=shm)
                self.assertEqual(env.client.contract.shm is not None, shm)
                rng = random.Random(0)
                told.append([env.reset(seed=3), *(env.step(letters(rng, 2)) for _ in range(2))])
                env.close()
        for other in told[1:]:
            self.same(told[0], other)

    def test_observations_outlive_the_memory(self) -> None:
        env = make_vec(2)
        first, _ = env.reset(seed=3)
        kept = first["image"].copy()
        env.step(letters(random.Random(0), 2))
        env.close()
        self.same(first["image"], kept)

    def test_nothing_stays_behind(self) -> None:
        if not os.path.isdir("/dev/shm"):
            self.skipTest("needs /dev/shm")
        env = make_vec(2)
        name = "/dev/shm" + env.client.contract.shm[0]
        self.assertEqual(os.stat(name).st_mode & 0o777, 0o600)
        env.reset(seed=0)
        self.assertFalse(os.path.exists(name))
        env.close()

    def test_memory_out_of_reach(self) -> None:
        said: list[bool] = []

        def hello(request: dict) -> dict:
            said.append("shm" in request["data"])
            shm = {"name": "/gaze-0123456789abcdef", "size": 1 << 20}
            return fake.hello(**({"shm": shm} if said[-1] else {}))

        with fake.FakeServer(hello=hello) as server:
            env = gymnasium.make(ID, address=server.address, image_size=fake.SIZE)
            env.reset(seed=0)
            env.close()
        self.assertEqual(said, [True, False])

    def test_hostile_memory(self) -> None:
        memory = memoryview(bytes(range(100)))
        good = {b"nd": True, b"type": "|u1", b"kind": b"", b"shape": [4, 5], "shm": 80}
        self.same(wire._array(good, "x", memory), np.arange(80, 100, dtype=np.uint8).reshape(4, 5))
        for change in ({"shm": 81}, {"shm": -1}, {"shm": True}, {"shm": 1 << 62}, {"shm": "80"},
                       {b"shape": [5, 5]}, {b"shape": [1 << 20, 1 << 20]}):
            with self.assertRaises(gaze_gym.GazeWireError):
                wire._array({**good, **change}, "x", memory)
        with self.assertRaises(gaze_gym.GazeWireError):
            wire._array(good, "x")
        for name in ("/etc/passwd", "/gaze-", "/gaze-0123456789abcdeF", "/gaze-../../etc/pass",
                     "/gaze-ffffffffffffffff"):
            self.assertIsNone(shared.attach(name, 1))


class HostileTest(TestCase):
    """Every answer that breaks the protocol is a GazeError that names the field."""

    def attempt(self, error: type[Exception], sentence: str, **replies: Any) -> None:
        with fake.FakeServer(**replies) as server:
            def run() -> None:
                env = gymnasium.make(ID, address=server.address, image_size=fake.SIZE, timeout=1.0,
                                     disable_env_checker=True)
                try:
                    env.reset(seed=0)
                    env.step("x")
                finally:
                    env.close()
            self.soon(error, sentence, run)

    def test_the_fake_server_is_right_otherwise(self) -> None:
        with fake.FakeServer() as server:
            env = gymnasium.make(ID, address=server.address, image_size=fake.SIZE)
            env.reset(seed=7)
            self.assertEqual(env.step("x")[0]["turn"].tolist(), [1])
            env.close()
        sent = {r["endpoint"]: r.get("data") for r in server.requests}
        self.assertEqual(sent["reset"], {"seed": [7], "options": {"reset_mask": [True]}})
        self.assertEqual(sent["step"], {"actions": [{"text": "x"}]})
        self.assertEqual(sent["hello"]["oracle"], False)

    def test_no_message(self) -> None:
        bad = gaze_gym.GazeWireError
        for body in (b"", b"\xc1", b"\xdd\x10\0\0\0", b"\x91" * 100000, b"\x81\xa1a", b"\x05",
                     b"\x93\1\2\3", b"\x81\x01\x02", b"\x80\x80", b"\x81\xa1a\xd4\1\0",
                     b"\x81\xa1\xff\xc0", b"HTTP/1.1 400 Bad Request\r\n\r\n"):
            self.attempt(bad, "^reply: |hello reply: ", hello=body)
        # what nested claims may reserve is bounded: no list or map has more items than this
        self.attempt(bad, "max_array_len", reset=fake.reset(more=[None] * (wire.CONTAINER_MAX + 1)))
        self.attempt(bad, "max_map_len",
                     reset=fake.reset(more={str(i): i for i in range(wire.CONTAINER_MAX + 1)}))
        self.attempt(bad, "frames", reset=[b"x"])
        self.attempt(bad, "frames", reset=[b"\0\0\0\2", b"", b"\x80", b"\x80"])
        self.attempt(gaze_gym.GazeTimeout, "reset: no answer", reset=[b"\0\0\0\0", b"", b"\x80"])
        self.attempt(gaze_gym.GazeTimeout, "step: no answer", step=None)
        self.attempt(gaze_gym.GazeTimeout, "step: no answer", step=fake.FLOOD)
        self.attempt(gaze_gym.GazeConnectionError, "lost in reset",
                     reset=msgpack.packb(bytes(wire.BYTES_MAX)))

    def test_handshake(self) -> None:
        bad = gaze_gym.GazeWireError
        for change in ({"protocol": 2}, {"protocol": "1"}, {"protocol": True}, {"env": None},
                       {"env": "reach"}, {"n_envs": 2}, {"n_envs": 0}, {"n_envs": 1 << 62},
                       {"oracle": True}, {"oracle": 0}, {"autoreset": "same_step"},
                       {"max_steps": 0}, {"shm": 3}, {"shm": {"name": 3, "size": 1}},
                       {"shm": {"name": "/gaze-0123456789abcdef", "size": 0}}, {"action": None},
                       {"action": {"chunk": {"shape": [-1, 0]}}},
                       {"action": {"chunk": {"shape": [-1, 2], "low": [0], "high": [1, 1]}}},
                       {"action": {"chunk": {"shape": [-1, 1], "low": [1], "high": [0]}}},
                       {"obs": {"image": {"shape": [1, 2, 3]}}},
                       {"obs": {"image": {"shape": [1, 30, 28, 3]}}}):
            self.attempt(bad, next(iter(change)) + "|expected Contract", hello=fake.hello(**change))

    def test_error_reply(self) -> None:
        self.attempt(gaze_gym.GazeServerError, "no such luck", reset={"error": "no such luck"})
        self.attempt(gaze_gym.GazeWireError, "field error", reset={"error": 3})
        with fake.FakeServer(step={"error": "out of memory"}) as server:
            env = gymnasium.make(ID, address=server.address, image_size=fake.SIZE)
            env.reset(seed=0)
            with self.assertRaisesRegex(gaze_gym.GazeServerError, "out of memory"):
                env.step("x")
            with self.assertRaises(ResetNeeded):
                env.step("x")
            env.reset(seed=0)
            env.close()

    def test_rows_that_err(self) -> None:
        refused = fake.step(
            fake.obs(**dict.fromkeys(("image", "camera", "time_ns", "text", "robot", "turn",
                                      "first", "last"), [None])),
            info={"outcome": [None], "error": ["no such act"]})
        with fake.FakeServer(step=refused) as server:
            env = gymnasium.make(ID, address=server.address, image_size=fake.SIZE)
            env.reset(seed=0)
            with self.assertRaisesRegex(gaze_gym.GazeServerError, "^no such act$"):
                env.step("x")
            env.close()
        # an episode that broke is truncated and says why
        lost = fake.step(fake.obs(image=[None], camera=[[]], time_ns=[[]], text=[""], turn=[1]),
                         truncated=fake.array(np.ones(1, bool)),
                         info={"outcome": [fake.outcome(truncated=True, status="fault")],
                               "error": ["physics broke"]})
        with fake.FakeServer(step=lost) as server:
            env = gymnasium.make(ID, address=server.address, image_size=fake.SIZE)
            env.reset(seed=0)
            _, reward, _, truncated, info = env.step("x")
            self.assertEqual((reward, truncated, info["error"]), (0.0, True, "physics broke"))
            env.close()

    def test_chunk_replies(self) -> None:
        def array(a: Any, dtype: str) -> dict:
            return fake.array(np.array(a, dtype))

        good = {**fake.step(), "reward": array([[0.5, 0]], "<f4"), "steps": array([1], "<i4"),
                "terminated": array([[1, 0]], "|b1"), "truncated": array([[0, 0]], "|b1")}
        for key, value in ((None, None), ("reward", array([0.5], "<f4")),
                           ("reward", array([[np.nan, 0]], "<f4")), ("steps", array([3], "<i4")),
                           ("steps", array([-1], "<i4")), ("steps", None),
                           ("terminated", array([[1]], "|b1"))):
            with fake.FakeServer(chunk_step={**good, key: value} if key else good) as server:
                env = gymnasium.make_vec(ID, num_envs=1, address=server.address,
                                         image_size=fake.SIZE)
                env.reset(seed=0)
                if key:
                    with self.assertRaisesRegex(gaze_gym.GazeWireError, f"field {key}"):
                        env.chunk_step([["x", "x"]])
                else:
                    told = env.chunk_step([["x", "x"]])
                    self.assertEqual(told[1].tolist(), [[0.5, 0.0]])
                    self.assertEqual(told[4]["executed"].tolist(), [[True, False]])
                env.close()

    def test_error_reply_to_a_vector(self) -> None:
        for mode in ("Disabled", "SameStep", "NextStep"):
            failing = dict.fromkeys(("step", "chunk_step"), {"error": "out of memory"})
            with fake.FakeServer(**failing) as server:
                env = gymnasium.make_vec(ID, num_envs=1, address=server.address,
                                         image_size=fake.SIZE, autoreset_mode=mode)
                calls = [(env.step, ["x"])]
                if mode != "NextStep":
                    calls.append((env.chunk_step, [["x", "x"]]))
                for call, actions in calls:
                    env.reset(seed=0)
                    with self.assertRaisesRegex(gaze_gym.GazeServerError, "out of memory"):
                        call(actions)
                    for again, actions in calls:
                        with self.assertRaisesRegex(ResetNeeded, r"rows \[0\]"):
                            again(actions)
                env.close()

    def test_observation(self) -> None:
        picture = np.zeros((1, fake.SIZE, fake.SIZE, 3), np.uint8)
        wide = np.zeros((1, fake.SIZE, fake.SIZE + 1, 3), np.uint8)
        changes = {
            "image": ([None, None], None, [picture.tobytes()], [fake.array(picture, "|O")],
                      [fake.array(picture, "<f4")], [fake.array(picture, shape=[1, 28, 28, 4])],
                      [fake.array(picture, shape=[-1, 28, 28, 3])], [fake.array(picture[0])],
                      [fake.array(picture, shape=[1 << 31, 1 << 31, 1 << 31])],
                      [fake.array(picture, shape=[1] * 8 + list(picture.shape))],
                      [fake.array(picture.astype("<i2"))], [fake.array(wide)],
                      [fake.array(picture[:0])], [{**fake.array(picture), b"nd": 1}]),
            "camera": (None, [], [[]], [[3]], [["a", "b"]]),
            "time_ns": ([[0.5]], [[1 << 63]], [None]),
            "text": ([3], [b"x"], ["x" * 5000], ["\u00e9"], []),
            "turn": ([-1], [1 << 32], [None], ["0"], [0.0], [True]),
            "robot": ([3], [{}], [{"q": 1, "dq": 2}]),
        }
        for key, values in changes.items():
            for value in values:
                observation = fake.obs(**{key: value})
                self.attempt(gaze_gym.GazeWireError, f"field obs.{key}",
                             reset=fake.reset(observation))
        self.attempt(gaze_gym.GazeWireError, "field obs", reset={"info": {}})
        self.attempt(gaze_gym.GazeWireError, "field info", reset={"obs": fake.obs()})

    def test_outcome(self) -> None:
        bad = gaze_gym.GazeWireError
        one = np.ones(1, "<f4")
        for key, value in (("reward", fake.array(one * np.nan)), ("reward", fake.array(one > 0)),
                           ("reward", [0.0]), ("terminated", fake.array(one)),
                           ("truncated", fake.array(np.zeros(2, bool))), ("truncated", None)):
            self.attempt(bad, f"field {key}", step=fake.step(**{key: value}))
        for key, value in (("choice", -2), ("choice", "A"), ("status", 3), ("correct", 1),
                           ("bits", float("inf")), ("bits", None), ("reply", b"x")):
            info = {"outcome": [fake.outcome(**{key: value})]}
            self.attempt(bad, f"outcome.{key}", step=fake.step(info=info))
        for value in (None, [], [None], [3]):
            self.attempt(bad, "info.outcome", step=fake.step(info={"outcome": value}))

    def test_truth(self) -> None:
        def make_oracle(truth: Any) -> dict:
            with fake.FakeServer(hello=fake.hello(oracle=True),
                                 reset=fake.reset(info={"oracle": [truth]})) as server:
                env = gymnasium.make(ID, address=server.address, image_size=fake.SIZE, oracle=True)
                try:
                    return env.reset(seed=0)[1]
                finally:
                    env.close()
        self.assertEqual(make_oracle('{"sufficient": true}')["oracle"], {"sufficient": True})
        for truth in ("{", "3", 3, "[" * 200000):
            self.soon(gaze_gym.GazeWireError, "info.oracle", make_oracle, truth)
        # truth that was not asked for does not get through
        with fake.FakeServer(reset=fake.reset(info={"oracle": ['{"answer": "red"}']})) as server:
            env = gymnasium.make(ID, address=server.address, image_size=fake.SIZE)
            self.assertNotIn("oracle", env.reset(seed=0)[1])
            env.close()

    def test_damaged_replies(self) -> None:
        """Right replies with bytes changed, cut or doubled: a GazeError or a valid row."""
        rng, refused = random.Random(1), 0
        good = [(msgpack.packb(fake.reset()), False), (msgpack.packb(fake.step()), True)]
        for _ in range(4000):
            body, step = rng.choice(good)
            data = bytearray(body)
            head = [i for i in range(len(data)) if data[i]]  # the pixels are zero: leave most alone
            for _ in range(rng.choice((1, 1, 2, 8))):
                data[rng.choice(head)] = rng.randrange(256)
            if rng.random() < 0.2:
                del data[rng.randrange(len(data)):]
            try:
                rows = wire.read_rows(wire.unpack(bytes(data)), [True], step)
                view.View(fake.SIZE, True).show(rows[0])
            except gaze_gym.GazeError:
                refused += 1
        self.assertGreater(refused, 2000)


if __name__ == "__main__":
    del sys.argv[1:2]
    unittest.main()
