#!/usr/bin/env python3
"""mujoco.rollout, EnvPool and a loop over mujoco.Renderer as the peers of `gaze bench batch`.

Started by the benchmark with a folder that holds scene.xml. Prints one line when ready, then answers
each request line with wall-clock and processor seconds (all threads):
    rollout ROWS THREADS STEPS    mujoco.rollout of all rows, open loop, from the warmed-up state
    render SIZE STEPS TURNS       one world, TURNS times STEPS of mj_step and a picture, OSMesa
    envpool ROWS THREADS TURNS    EnvPool's Ant-v4 (5 steps a turn), synchronous
What is not installed is answered with a sentence instead.
"""
import os
import sys
import time

os.environ.setdefault("MUJOCO_GL", "osmesa")
os.environ.setdefault("PYOPENGL_PLATFORM", "osmesa")
os.environ.setdefault("LP_NUM_THREADS", "1")

import mujoco  # noqa: E402
import numpy as np  # noqa: E402

WARM_STEPS = 500


class Peer:
    """The model, and whatever a kind of request needs made once."""

    def __init__(self, folder):
        self.model = mujoco.MjModel.from_xml_path(os.path.join(folder, "scene.xml"))
        self.data = mujoco.MjData(self.model)
        for _ in range(WARM_STEPS):
            mujoco.mj_step(self.model, self.data)
        self.made = {}

    def rollout(self, rows, threads, steps):
        """A function that steps every row open loop."""
        from mujoco import rollout

        key = ("rollout", threads)
        if key not in self.made:
            self.made[key] = (rollout.Rollout(nthread=threads),
                              [mujoco.MjData(self.model) for _ in range(threads)])
        pool, data = self.made[key]
        spec = mujoco.mjtState.mjSTATE_FULLPHYSICS
        state = np.zeros(mujoco.mj_stateSize(self.model, spec))
        mujoco.mj_getState(self.model, self.data, state, spec)
        states = np.tile(state, (rows, 1))
        control = np.zeros((rows, steps, self.model.nu)) if self.model.nu else None
        return lambda: pool.rollout(self.model, data, states, control, nstep=steps)

    def render(self, size, steps, turns):
        """A function that plays turns of one world, as a Python environment would."""
        if "renderer" not in self.made:
            self.model.vis.global_.offwidth = self.model.vis.global_.offheight = size
            self.made["renderer"] = mujoco.Renderer(self.model, size, size)
            flags = self.made["renderer"].scene.flags
            flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
            flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        renderer = self.made["renderer"]

        def play():
            for _ in range(turns):
                for _ in range(steps):
                    mujoco.mj_step(self.model, self.data)
                renderer.update_scene(self.data, camera="view")
                renderer.render()

        return play

    def envpool(self, rows, threads, turns):
        """A function that steps EnvPool's Ant."""
        import envpool

        if "ant" not in self.made:
            env = envpool.make("Ant-v4", env_type="gymnasium", num_envs=rows, num_threads=threads)
            env.reset()
            self.made["ant"] = env
        env = self.made["ant"]
        actions = np.random.default_rng(0).uniform(-1, 1, (rows, 8)).astype(np.float64)

        def play():
            for _ in range(turns):
                env.step(actions)

        return play


def main():
    peer = Peer(sys.argv[1])
    print(mujoco.mj_version(), flush=True)
    for line in sys.stdin:
        name, *numbers = line.split()
        try:
            run = getattr(peer, name)(*map(int, numbers))
            run()  # once to warm up
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            print(f"{time.perf_counter() - wall:.9f} {time.process_time() - cpu:.9f}", flush=True)
        except Exception as e:  # whatever is missing or fails, the benchmark goes on without it
            print(f"not available: {type(e).__name__}: {e}".replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
